"""The README shows the program that the tests compile and run, and points at files that exist."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


class Readme(unittest.TestCase):
    def test_three_systems_stand_there_verbatim(self):
        program = (ROOT / "examples" / "three_systems.cpp").read_text()
        self.assertLessEqual(len(program.splitlines()), 30)
        self.assertIn(f"```cpp\n{program}```\n", (ROOT / "README.md").read_text())

    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
                with self.subTest(document=document.name, target=target):
                    self.assertTrue((document.parent / target).exists())


if __name__ == "__main__":
    unittest.main()
