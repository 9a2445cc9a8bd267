"""rung as installed: outside projects build against it, manual pages, completions, packages.

    install_test.py BUILD [unittest's arguments]

BUILD is a build folder of rung whose targets are all built. As root, where there is debootstrap, the
packages are installed in a bare Debian too (RUNG_BARE_ROOT=0: not).
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
BUILD = pathlib.Path()
COMPONENTS = ["core", "onnx", "onednn", "torch", "c"]


def run(*command, code=0, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=1500, **options)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def cache(name):
    found = re.search(rf"^{name}:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.M)
    return found[1] if found else ""


def on(name):
    return cache(name) in ("ON", "TRUE", "1")


def has(component):
    needs = {"onnx": "RUNG_ONNX", "onednn": "RUNG_ONEDNN", "c": "RUNG_ONEDNN", "torch": "RUNG_TORCH"}
    return component == "core" or on(needs[component])


def toolchain():
    """The compiler, packages and launcher of the build, for the outside projects."""
    names = ["CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER", "CMAKE_CXX_COMPILER_LAUNCHER", "Torch_DIR"]
    return [f"-D{name}={cache(name)}" for name in names if cache(name)] + ["-G", "Ninja"]


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        staged = cls.folder / "staged"  # installed for /opt/rung into another root, then moved
        run("cmake", "--install", BUILD, "--prefix", "/opt/rung", env={**os.environ, "DESTDIR": str(staged)})
        cls.prefix = cls.folder / "rung"
        shutil.move(staged / "opt" / "rung", cls.prefix)
        cls.extra = [path for path in staged.rglob("*") if path.is_file()]
        cls.lib = cls.prefix / cache("CMAKE_INSTALL_LIBDIR")
        cls.rung = cls.prefix / "bin" / "rung"

    def configure(self, name, *options, code=0):
        """Configures a project of this folder. Returns its build folder and what CMake said."""
        build = self.folder / f"{self.id().split('.')[-1]}_{name}"
        done = run("cmake", "-S", HERE / name, "-B", build, *toolchain(), *options, code=code)
        return build, done.stdout + done.stderr

    def find(self, components, *options, code=0):
        return self.configure("find_package", f"-DCMAKE_PREFIX_PATH={self.prefix};{cache('CMAKE_PREFIX_PATH')}",
                              f"-DCOMPONENTS={components}", f"-DEVERY_HEADER={self.every_header()}",
                              "-DCMAKE_BUILD_TYPE=Release", *options, code=code)

    def every_header(self):
        """A folder with a header per component that includes all that it installed."""
        folder = self.folder / "every_header"
        folder.mkdir(exist_ok=True)
        include = self.prefix / "include"
        def of(component, path):
            if path.startswith("rung/io/onnx/"): return component == "onnx"
            if path.startswith("rung/exec/onednn/"): return component == "onednn"
            if path.startswith("rung/c/"): return component == "c"
            text = (include / path).read_text()
            torch = path in self.torch_headers() or "<torch/" in text or "<ATen/" in text
            return component == ("torch" if torch else "core")
        paths = sorted(str(path.relative_to(include)) for path in include.rglob("*.h"))
        for component in COMPONENTS:
            lines = [f'#include "{path}"\n' for path in paths if of(component, path)]
            (folder / f"every_header_{component}.h").write_text("#pragma once\n" + "".join(lines))
        return folder

    def torch_headers(self):
        """Headers of rung's that need LibTorch's, through however many others."""
        if hasattr(type(self), "known_torch"): return self.known_torch
        include = self.prefix / "include"
        texts = {str(p.relative_to(include)): p.read_text() for p in include.rglob("*.h")}
        found = {p for p, text in texts.items() if re.search(r"#include <(torch|ATen|c10)/", text)}
        while more := {p for p, text in texts.items() if p not in found
                       and any(f'#include "{other}"' in text for other in found)}:
            found |= more
        found |= {p for p in texts if p.startswith(("rung/train/", "rung/exec/eager/"))}
        type(self).known_torch = found
        return found

    # What is there.

    def test_files(self):
        self.assertEqual(self.extra, [], "files outside of the prefix")
        for path in ["bin/rung", "include/rung/join/plan.h", "share/rung/peers", "share/man/man1/rung.1",
                     "share/bash-completion/completions/rung", "share/zsh/site-functions/_rung"]:
            self.assertTrue((self.prefix / path).exists(), path)
        headers = [str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*.h")]
        internal = [name for name in headers if re.search(r"_testing\.h|_cases\.h|/pch\.h|/cli/", name)]
        self.assertEqual(internal, [])

    def test_nothing_names_the_building_machine(self):
        texts = [*self.lib.glob("cmake/rung/*"), *self.lib.glob("pkgconfig/*"), *self.prefix.glob("share/**/*")]
        for path in texts:
            if path.is_file():
                for name in (str(SOURCE), str(BUILD)):
                    self.assertNotIn(name, path.read_text(), path)
        for path in [*self.prefix.glob("bin/*"), *self.lib.glob("*.so.*")]:
            dynamic = run("readelf", "-d", path).stdout
            self.assertNotIn(str(BUILD), dynamic, path)

    def test_libraries_have_a_soname(self):
        if not on("BUILD_SHARED_LIBS"):
            self.skipTest("SKIPPED: this build is of static libraries")
        for component in filter(has, COMPONENTS):
            path = self.lib / f"librung_{component}.so"
            version = "0" if component == "c" else "0.1"
            self.assertIn(f"[librung_{component}.so.{version}]", run("readelf", "-d", path).stdout)
            self.assertEqual(path.resolve().name, f"librung_{component}.so.0.1.0")

    def test_the_command_runs_where_it_was_moved_to(self):
        self.assertIn("rung 0.1.0", run(self.rung, "--version").stdout)
        self.assertIn("layer4", run(self.rung, "show", "zoo:resnet50").stdout)
        if on("RUNG_TORCH"):
            done = run(self.rung, "run", "zoo:skip_connection_block", "--set", "in=4", "--set", "out=8",
                       "--input", "x=randn:1,4,6,6")
            self.assertIn("8", done.stdout)

    # Projects that use it.

    def test_find_package(self):
        components = [name for name in COMPONENTS if has(name)]
        build, _ = self.find(";".join(components))
        run("cmake", "--build", build)
        shown = {name: run(build / f"use_{name}", cwd=build).stdout for name in components}
        self.assertIn("dec/up1", shown["core"])
        self.assertIn("caught: ", shown["core"])
        for name, text in {"onnx": "nodes", "onednn": "outputs 1", "torch": "[1, 8, 6, 6]", "c": "0.1.0: "}.items():
            if name in shown:
                self.assertIn(text, shown[name])

    def test_find_package_from_c_needs_nothing_else(self):
        if not has("c"):
            self.skipTest("SKIPPED: built without oneDNN")
        build, said = self.find("c", "-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON")
        run("cmake", "--build", build)
        run(build / "use_c")

    def test_find_package_says_what_is_missing(self):
        _, said = self.find("core;tensorflow", code=1)
        self.assertRegex(" ".join(said.split()), 'there is no component "tensorflow"; rung\'s are core, onnx')
        (self.lib / "cmake/rung/rung-onnx.cmake").rename(self.folder / "hidden")
        try:
            _, said = self.find("onnx", code=1)
        finally:
            (self.folder / "hidden").rename(self.lib / "cmake/rung/rung-onnx.cmake")
        self.assertIn('installed without the component "onnx"', " ".join(said.split()))
        _, said = self.find("core", "-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON", code=1)
        self.assertIn('the component "core" needs fmt', " ".join(said.split()))

    def test_pkg_config(self):
        if not has("c"):
            self.skipTest("SKIPPED: built without oneDNN")
        if not shutil.which("pkg-config"):
            self.skipTest("SKIPPED: no pkg-config")
        env = {**os.environ, "PKG_CONFIG_PATH": str(self.lib / "pkgconfig")}
        flags = run("pkg-config", "--cflags", "--libs", "rung_c", env=env).stdout.split()
        program = self.folder / "by_pkg_config"
        run(cache("CMAKE_C_COMPILER") or "cc", HERE / "c.c", "-o", program, *flags)
        run(program, env={**os.environ, "LD_LIBRARY_PATH": str(self.lib)})

    def test_add_subdirectory(self):
        options = [f"-D{name}={cache(name)}" for name in ("RUNG_TORCH", "RUNG_ONNX", "RUNG_ONEDNN")]
        build, _ = self.configure("subdirectory", f"-DRUNG={SOURCE}", f"-DEVERY_HEADER={self.every_header()}",
                                  "-DCMAKE_CXX_FLAGS=-O0", *options)
        # Compiling the core again takes minutes: elsewhere than in a full run, that much is believed.
        if os.environ.get("RUNG_INSTALL_FULL"):
            run("cmake", "--build", build, "--target", "use_core")
            self.assertIn("dec/up1", run(build / "use_core").stdout)
        else:
            planned = run("cmake", "--build", build, "--target", "use_core", "--", "-n").stdout
            self.assertIn("use_core", planned)

    def test_fetch_content(self):
        options = [f"-D{name}={cache(name)}" for name in ("RUNG_TORCH", "RUNG_ONNX", "RUNG_ONEDNN")]
        build, _ = self.configure("fetch_content", f"-DFETCHCONTENT_SOURCE_DIR_RUNG={SOURCE}", *options)
        for component in filter(has, COMPONENTS[:4]):
            planned = run("cmake", "--build", build, "--target", f"use_{component}", "--", "-n").stdout
            self.assertIn(f"use_{component}", planned)

    # Manual pages and completions.

    def verbs(self):
        text = run(self.rung, "--help").stdout
        return re.findall(r"^  (\w+) ", re.split(r"\n(?:Verbs|Subcommands): *\n", text)[1], re.M)

    def test_manual_pages(self):
        self.assertIn("show", self.verbs())
        for verb in self.verbs():
            help_text = subprocess.run([self.rung, verb, "--help"], capture_output=True, text=True)
            if not on("RUNG_TORCH") and "needs rung-torch" in help_text.stderr:
                continue  # rung-torch has the help of its verbs
            self.assertEqual(help_text.returncode, 0, verb)
            page = (self.prefix / "share/man/man1" / f"rung-{verb}.1").read_text().replace("\\-", "-")
            for option in re.findall(r"^ +(?:-\w,)? *(--[\w-]+)", help_text.stdout, re.M):
                self.assertIn(option, page, f"rung-{verb}(1)")
        if not shutil.which("groff"):
            self.skipTest("SKIPPED: no groff, which says whether the pages are well formed")
        for page in self.prefix.glob("share/man/man1/*"):
            self.assertEqual(run("groff", "-man", "-Tutf8", "-k", "-ww", page).stderr, "", page)

    def complete(self, line):
        script = ('source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; '
                  "complete -p rung >/dev/null && _rung && printf '%s\\n' \"${COMPREPLY[@]}\"")
        file = self.prefix / "share/bash-completion/completions/rung"
        return run("bash", "--norc", "-c", script, "bash", file, line, cwd=self.folder).stdout.split("\n")[:-1]

    def test_bash_completion(self):
        run("bash", "-n", self.prefix / "share/bash-completion/completions/rung")
        (self.folder / "some_net.onnx").touch()
        self.assertEqual(self.complete("rung sh"), ["show"])
        self.assertTrue(set(self.verbs()) <= set(self.complete("rung ")))
        self.assertEqual(self.complete("rung show --ta"), ["--taps"])
        self.assertEqual(self.complete("rung show some_n"), ["some_net.onnx"])
        self.assertEqual(self.complete("rung models resnet50_"), ["resnet50_encoder"])
        # bash cuts words at ':' and '=', and puts back what stands in front.
        self.assertEqual(self.complete("rung show zoo:resnet50_"), ["resnet50_encoder"])
        self.assertEqual(self.complete("rung join enc=zoo:resnet18_e"), ["resnet18_encoder"])
        self.assertEqual(self.complete("rung join enc=some_n"), ["some_net.onnx"])
        self.assertEqual(self.complete("rung show zoo:mlp --svg some_n"), ["some_net.onnx"])
        self.assertEqual(self.complete("rung show --taps some_n"), [""])

    def test_zsh_completion(self):
        if not shutil.which("zsh"):
            self.skipTest("SKIPPED: no zsh")
        run("zsh", "-n", self.prefix / "share/zsh/site-functions/_rung")

    # Debian's packages.

    def packages(self):
        if not (shutil.which("dpkg-deb") and shutil.which("dpkg-shlibdeps") and shutil.which("cpack")):
            self.skipTest("SKIPPED: no dpkg-dev")
        folder = self.folder / "packages"
        if not folder.exists():
            run("cpack", "-B", folder, cwd=BUILD)
        return {path.name.split("_")[0]: path for path in folder.glob("*.deb")}

    def test_packages(self):
        packages = self.packages()
        wanted = {"rung", "librung-dev"}
        if on("BUILD_SHARED_LIBS"): wanted |= {"librung0.1"}
        if on("RUNG_ONEDNN"): wanted |= {"librung-c0"}
        if on("RUNG_TORCH"): wanted |= {"rung-torch", "librung-torch-dev"}
        if on("RUNG_TORCH") and on("BUILD_SHARED_LIBS"): wanted |= {"librung-torch0.1"}
        self.assertEqual(set(packages), wanted)
        holds = {name: run("dpkg-deb", "-c", path).stdout for name, path in packages.items()}
        needs = {name: run("dpkg-deb", "-f", path, "Depends").stdout for name, path in packages.items()}
        self.assertRegex(holds["rung"], r"\./usr/bin/rung\n")
        self.assertIn("man1/rung-join.1", holds["rung"])
        self.assertIn("include/rung/join/plan.h", holds["librung-dev"])
        self.assertIn("rungConfig.cmake", holds["librung-dev"])
        self.assertIn("libc6", needs["rung"])
        everything = "".join(holds.values())
        for line in everything.splitlines():  # nobody's home folder, and nothing twice
            self.assertRegex(line.split()[5], r"^\./(usr/|$)")
        files = [line.split()[5] for line in everything.splitlines() if not line.startswith("d")]
        self.assertEqual(len(files), len(set(files)))
        if on("RUNG_TORCH"):
            self.assertIn("usr/bin/rung-torch", holds["rung-torch"])
            self.assertIn("rung (= 0.1.0)", needs["rung-torch"])
        for name in wanted - {"rung-torch", "librung-torch-dev", "librung-torch0.1"}:
            self.assertNotIn("torch", needs[name], f"{name} must do without LibTorch")

    def test_packages_in_a_bare_root(self):
        if os.environ.get("RUNG_BARE_ROOT") == "0":
            self.skipTest("SKIPPED: RUNG_BARE_ROOT=0")
        if os.geteuid() != 0 or not shutil.which("debootstrap"):
            self.skipTest("SKIPPED: needs root and debootstrap")
        release = re.search(r"^VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text(), re.M)[1]
        archives = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian",
                       "Created-By: Packages", f"Codename: {release}").stdout.split()
        if not archives:
            self.skipTest("SKIPPED: apt has no Debian archive")
        root = self.folder / "root"
        made = run("debootstrap", "--variant=minbase", release, root, archives[0], code=None)
        if made.returncode != 0:
            self.skipTest(f"SKIPPED: a bare {release} cannot be made: {made.stdout.strip().splitlines()[-1:]}")
        names = [path for name, path in self.packages().items() if name in ("rung", "librung0.1")]
        for path in names:
            shutil.copy(path, root / "tmp")
        run("chroot", root, "apt-get", "install", "-y", "--no-install-recommends", *(f"/tmp/{p.name}" for p in names))
        self.assertIn("layer4", run("chroot", root, "rung", "show", "zoo:resnet50").stdout)


if __name__ == "__main__":
    BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
