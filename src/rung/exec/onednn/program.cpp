#include "rung/exec/onednn/program.h"
