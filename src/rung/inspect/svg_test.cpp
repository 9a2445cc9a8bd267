#include "rung/inspect/svg.h"

#include <gtest/gtest.h>

#include "rung/inspect/svg_testing.h"

namespace rung::svg {
namespace {

TEST(Svg, EscapesWhatXmlReserves) {
  EXPECT_EQ(escape(R"(a<b> & "c")"), "a&lt;b&gt; &amp; &quot;c&quot;");
  EXPECT_EQ(escape("größe → 図"), "größe → 図");
}

TEST(Svg, ReplacesWhatXmlForbids) {
  EXPECT_EQ(escape(std::string_view("a\0b", 3)),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(escape("\x1B["), "\xEF\xBF\xBD[");
  EXPECT_EQ(escape("\xFFz"), "\xEF\xBF\xBDz");
  EXPECT_EQ(escape("\xC3"), "\xEF\xBF\xBD");                                  // cut short
  EXPECT_EQ(escape("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  EXPECT_EQ(escape("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
}

TEST(Svg, ShortensInTheMiddleAtCharacters) {
  EXPECT_EQ(shorten("layer1", 10), "layer1");
  EXPECT_EQ(shorten("encoder/layer1.0.conv1", 10), "enc….conv1");
  EXPECT_EQ(escape(shorten("ééééééééééééééé", 10)).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(Svg, WritesAWellFormedDocument) {
  Writer inner;
  inner.tooltip("a < b");
  inner.rect(0, 0, 10, 10, {.fill = "#fff", .stroke = "#000", .radius = 2, .dash = "4 3"});
  inner.text(1, 2, "x & y", {.anchor = Anchor::kMiddle, .bold = true, .rotate = -90});
  Writer out;
  out.circle(1, 2, 3, {.fill = "#123456"});
  out.line(0, 0, 1, 1, {.stroke = "#123456"});
  out.path("M0 0L1 1", {.stroke = "#123456"});
  out.place(inner, 5, 6);
  const std::string text = out.finish(100, 50, "\"title\"");
  EXPECT_EQ(xml_problem(text), "") << text;
  EXPECT_EQ(count(text, "<title>"), 2u);
  EXPECT_NE(text.find("translate(5 6)"), std::string::npos);
}

TEST(Svg, TheCheckerFindsProblems) {
  EXPECT_NE(xml_problem("<a>"), "");
  EXPECT_NE(xml_problem("<a></b>"), "");
  EXPECT_NE(xml_problem("<a>x & y</a>"), "");
  EXPECT_NE(xml_problem("<a title=\"<\"/>"), "");
}

}  // namespace
}  // namespace rung::svg
