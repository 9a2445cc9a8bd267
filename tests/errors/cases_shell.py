"""The command line itself."""

from case import Case

TITLE = "The command line"
CASES = [
    Case("no verb", "rung", "no verb given; the verbs are show, join, tap, convert, diff, models, compile, bench, run, check, train, evaluate, predict"),
    Case("a verb that is misspelt", "rung jion zoo:resnet18", "unknown verb 'jion'; did you mean join?"),
    Case("an option before the verb", "rung --verbose models", "'--verbose' stands before the verb; options follow it: rung models …"),
    Case("an option that is misspelt", "rung show zoo:resnet18 --jsn", "rung show: unknown option '--jsn'; did you mean --json?"),
    Case("an option without its value", "rung show zoo:resnet18 --taps", "rung show: --taps: 1 required GLOB missing"),
    Case("an argument too many", "rung show zoo:resnet18 zoo:resnet34", "rung show: unexpected argument 'zoo:resnet34'"),
    Case("no network", "rung show", "rung show: MODEL is required"),
    Case("a number that is none", "rung join zoo:resnet18 --explain --seed ten", "rung join: --seed: 'ten' is not a whole number from 0 to 2^64 - 1"),
    Case("a negative seed", "rung join zoo:resnet18 --explain --seed -1", "rung join: --seed: '-1' is not a whole number from 0 to 2^64 - 1"),
    Case("standard output on a full disk", "rung models", "cannot write the output: No space left on device", stdout="/dev/full"),
    Case("the unknown network of models", "rung models resnet19", "unknown network 'resnet19'; the nearest are resnet18, resnet34, resnet50"),
    Case("two lists at once", "rung show zoo:resnet18 --taps 'layer*' --json", "--json goes with the layers, not with --taps; give one of the two"),
    Case("a picture onto a device", "rung show zoo:resnet18 --svg /dev/null", "cannot write /dev/null: it is a device or a pipe, not a file"),
    Case("an empty argument", "rung show ''", "MODEL is empty; give zoo:NAME or a file"),
]
