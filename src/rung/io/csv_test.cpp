#include "rung/io/csv.h"

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"

namespace rung {
namespace {

Csv read(const std::string& text) {
  const TempFolder folder;
  write_file(folder / "t.csv", text);
  return load_csv(folder / "t.csv");
}

TEST(Csv, ReadsColumnsRowsAndQuotes) {
  const Csv csv = read(
      "\xEF\xBB\xBF"
      "id, x ,note\r\n1,2.5,\"a, \"\"b\"\"\"\r\n\r\n2,-1e3,\"two\nlines\"\n3,0,end");
  EXPECT_EQ(csv.columns, (std::vector<std::string>{"id", "x", "note"}));
  ASSERT_EQ(csv.rows.size(), 3u);
  EXPECT_EQ(csv.rows[0][2], "a, \"b\"");
  EXPECT_EQ(csv.rows[1][2], "two\nlines");
  EXPECT_EQ(csv.number(1, csv.column("x")), -1000);
  EXPECT_EQ(csv.lines, (std::vector<int64_t>{2, 4, 6}));
}

TEST(Csv, SaysWhatIsWrongAndWhere) {
  const auto message = [](const std::string& text) { return user_error([&] { read(text); }); };
  EXPECT_NE(message("a,b\n1,2\n3\n").find("t.csv:3: 1 cells in a table of 2 columns"),
            std::string::npos);
  EXPECT_NE(message("a,a\n1,2\n").find("two columns are called 'a'"), std::string::npos);
  EXPECT_NE(message("a,b\n").find("holds no rows"), std::string::npos);
  EXPECT_NE(message("").find("holds no rows"), std::string::npos);
  EXPECT_NE(message("a,b\n1,\"2\n").find("t.csv:2: a quote is opened and not closed"),
            std::string::npos);
}

TEST(Csv, RefusesWhatIsNoFiniteNumber) {
  for (const char* cell : {"", "x", "1.5x", "nan", "inf", "1,5e"}) {
    const std::string text = std::string("a,b\n") + "0,0\n" +
                             (std::string(cell) == "1,5e" ? "1,5e" : std::string(cell) + ",0") +
                             "\n";
    const Csv csv = read(text);
    const size_t column = std::string(cell) == "1,5e" ? 1 : 0;
    const auto message = user_error([&] { csv.number(1, column); });
    EXPECT_NE(message.find("t.csv:3: column"), std::string::npos) << message;
  }
  const Csv csv = read("a,b\n1,2\n");
  EXPECT_NE(
      user_error([&] { csv.column("c"); }).find("has no column 'c'; its columns are 'a', 'b'"),
      std::string::npos);
}

}  // namespace
}  // namespace rung
