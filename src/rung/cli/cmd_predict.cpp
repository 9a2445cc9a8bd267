#include <torch/utils.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "rung/base/cores.h"
#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/open_model.h"
#include "rung/cli/program_options.h"
#include "rung/cli/result_picture.h"
#include "rung/cli/task_facts.h"
#include "rung/cli/verbs.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/device.h"
#include "rung/exec/eager/module.h"
#include "rung/exec/eager/tiled.h"
#include "rung/graph/rewrite.h"
#include "rung/io/image.h"
#include "rung/io/numpy/npy.h"
#include "rung/join/pointwise.h"
#include "rung/train/image_store.h"
#include "rung/train/losses.h"

namespace rung::cli {
namespace {

namespace fs = std::filesystem;

struct PredictCommand {
  std::string model;
  std::vector<std::string> inputs;
  ModelOptions opening;
  std::string output;
  std::string as;
  int64_t top = 3;
  int64_t tile = 0, overlap = 0;
  bool numbers = false;
  std::string device = "cpu";
  bool program = false;  ///< compiled, instead of on LibTorch
  ProgramOptions compiling;
};

/// A cell of a CSV file.
std::string cell_of(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

/// What the network says of itself, and how pictures go in.
class Predictor {
 public:
  explicit Predictor(const PredictCommand& command)
      : command_(command),
        model_(open_model(command.model, options_for(command.opening))),
        net_(model_, ModuleOptions{.device = find_device(command.device)}),
        device_(find_device(command.device)) {
    net_->eval();
    const Graph& graph = model_.graph;
    if (graph.inputs().size() != 1 || graph.outputs().empty()) {
      fail_user("rung predict runs networks of one input; {} has {} inputs and {} outputs",
                command.model, graph.inputs().size(), graph.outputs().size());
    }
    const TensorType& input = graph.type({graph.inputs()[0], 0});
    last_ = is_channels_last(input);
    channels_ = input.rank() == 4 && (input.is_map() || last_) ? rung::channels(input) : 0;
    if (channels_ != 1 && channels_ != 3) {
      fail_user(
          "rung predict runs networks on pictures, and the input of {} is {}\n  fix     rung run "
          "takes inputs of any kind",
          command.model, to_string(input));
    }
    output_ = graph.outputs()[0].value;
    if (graph.outputs().size() > 1) {
      std::fprintf(stderr, "note: of %zu outputs, %s is written\n", graph.outputs().size(),
                   graph.outputs()[0].name.c_str());
    }
    const size_t rank = graph.type(output_).rank();
    if (rank != 2 && rank != 4) {
      fail_user(
          "rung predict writes maps [N, C, H, W] and classes [N, K], and the output of {} is {}\n"
          "  fix     rung run writes outputs of any kind",
          command.model, to_string(graph.type(output_)));
    }
    form_ = output_form(graph, output_);
    picture_ = picture_form(model_, output_, command.as);
    facts_ = task_facts(model_);
    check_columns();
  }

  /// What the network was trained at, where pictures were brought to one size.
  std::optional<std::pair<int64_t, int64_t>> size() const { return facts_.size; }
  int channels() const { return static_cast<int>(channels_); }
  /// Whether the output is numbers of a table's columns.
  bool is_regression() const { return facts_.task == "regression" && !facts_.targets.empty(); }
  /// "file,class1,probability1,…", or the columns.
  std::string table_head() const {
    std::string head = "file";
    if (is_regression()) {
      for (const auto& target : facts_.targets) head += "," + cell_of(target.name);
      return head;
    }
    for (int64_t k = 1; k <= shown_classes(); ++k) {
      head += fmt::format(",class{0},probability{0}", k);
    }
    return head;
  }
  /// What a row of the table says of a picture.
  std::string row_of(const at::Tensor& picture) {
    return is_regression() ? numbers_of_row(picture) : classes_of(picture);
  }
  /// How many classes a row of the table names.
  int64_t shown_classes() const {
    return std::min(command_.top, element_count(model_.graph.type(output_).shape) /
                                      model_.graph.type(output_).shape.at(0));
  }
  bool is_map() const { return model_.graph.type(output_).rank() == 4; }

  /// f32 [1, C, H, W] to the first output, a map as [1, K, H, W].
  at::Tensor run(const at::Tensor& x) {
    const at::Tensor placed = x.to(device_);
    const at::Tensor input = last_ ? placed.movedim(1, -1).contiguous() : placed;
    const at::Tensor y = command_.program ? run_program(input) : net_->forward(input);
    const bool turned = is_channels_last(net_->graph().type(output_));
    return (turned ? y.movedim(-1, 1) : y).to(at::kCPU);
  }

  /// A map of the whole picture, tile by tile where it is large.
  at::Tensor map_of(const at::Tensor& picture) {
    const int64_t largest = std::max(picture.size(1), picture.size(2));
    if (command_.tile == 0 || largest <= command_.tile) {
      return run(picture.to(at::kFloat).div(255).unsqueeze(0))[0];
    }
    at::Tensor whole;
    const int64_t overlap = command_.overlap > 0 ? command_.overlap : command_.tile / 4;
    run_tiled([&](const at::Tensor& x) { return run(x); }, picture,
              {.size = command_.tile, .overlap = overlap},
              [&](int64_t first, const at::Tensor& rows) {
                if (!whole.defined()) {
                  whole = at::empty({rows.size(0), picture.size(1), picture.size(2)});
                }
                whole.narrow(1, first, rows.size(1)).copy_(rows);
              });
    return whole;
  }

  /// Numbers as they come, or probabilities where the task is known.
  Tensor numbers_of(const at::Tensor& map) const {
    const at::Tensor logits = as_logits(map.unsqueeze(0), form_);
    const bool known = facts_.task == "segmentation" || facts_.task == "classification";
    const at::Tensor said = !known                                   ? map.unsqueeze(0)
                            : map.size(0) == 1 || facts_.overlapping ? logits.sigmoid()
                                                                     : logits.softmax(1);
    return from_torch(said.contiguous());
  }
  Tensor picture_of(const at::Tensor& map, const std::string& what) const {
    return result_picture(from_torch(map.unsqueeze(0).contiguous()), picture_, what);
  }

  /// The columns' numbers in their units.
  std::string numbers_of_row(const at::Tensor& picture) {
    const at::Tensor y = run(picture.to(at::kFloat).div(255).unsqueeze(0)).flatten();
    std::vector<std::string> cells;
    for (size_t i = 0; i < facts_.targets.size(); ++i) {
      const auto& target = facts_.targets[i];
      const double scaled = y[static_cast<int64_t>(i)].item<double>();
      cells.push_back(fmt::format("{:.6g}", scaled * target.deviation + target.mean));
    }
    return join(cells, ",");
  }

  /// "cell,0.93,nucleus,0.05": the likeliest classes of a picture.
  std::string classes_of(const at::Tensor& picture) {
    const at::Tensor y = run(picture.to(at::kFloat).div(255).unsqueeze(0)).flatten(1);
    const at::Tensor logits = as_logits(y, form_);
    const bool each = facts_.overlapping || form_ == OutputForm::kSigmoid || logits.size(1) == 1;
    const at::Tensor p = (each ? logits.sigmoid() : logits.softmax(1))[0];
    const auto [values, places] = p.topk(std::min(command_.top, p.size(0)));
    std::vector<std::string> cells;
    for (int64_t i = 0; i < values.size(0); ++i) {
      const auto c = static_cast<size_t>(places[i].item<int64_t>());
      cells.push_back(fmt::format(
          "{},{:.4f}", cell_of(c < facts_.classes.size() ? facts_.classes[c] : std::to_string(c)),
          values[i].item<double>()));
    }
    return join(cells, ",");
  }

 private:
  /// The first output of a program, which is compiled for the size of the first picture or tile.
  at::Tensor run_program(const at::Tensor& input) {
    const Tensor x = from_torch(input.contiguous());
    if (!program_) {
      Model model = model_;
      model.graph = resize_inputs(model.graph, {{"", x.shape()}});
      draw_missing(model, 0);
      program_ = compiled(model, command_.compiling);
    }
    return to_torch(program_({x}).at(0));
  }

  /// Refuses an output that does not have a number for each column that it was trained for.
  void check_columns() const {
    const TensorType& type = model_.graph.type(output_);
    const auto columns = static_cast<int64_t>(facts_.targets.size());
    if (!is_regression() || (type.rank() == 2 && type.shape[1] == columns)) return;
    fail_user("{} says that it was trained for {} columns, and its output is {}", command_.model,
              columns, to_string(type));
  }

  const PredictCommand& command_;
  Model model_;
  Module net_;
  RunNetwork program_;  ///< once it is compiled
  at::Device device_;
  Value output_;
  OutputForm form_ = OutputForm::kLogits;
  PictureForm picture_;
  TaskFacts facts_;
  bool last_ = false;
  int64_t channels_ = 0;
};

/// The pictures that the arguments name: files, and those of folders.
std::vector<fs::path> pictures_of(const std::vector<std::string>& arguments) {
  std::vector<fs::path> out;
  for (const auto& argument : arguments) {
    std::error_code error;
    if (fs::is_directory(argument, error)) {
      FolderImages folder = image_files(argument);
      for (const auto& note : left_out_note(folder.left_out)) {
        std::fprintf(stderr, "note: %s\n", note.c_str());
      }
      out.insert(out.end(), folder.files.begin(), folder.files.end());
    } else if (path_exists(argument)) {
      out.emplace_back(argument);
    } else {
      fail_user("there is no file or folder {}", argument);
    }
  }
  return out;
}

/// Refuses maps that would be written over each other, or over a picture that is read.
void check_outputs(const std::vector<fs::path>& pictures, const Predictor& predictor,
                   const PredictCommand& command) {
  if (!predictor.is_map()) return;
  std::map<std::string, fs::path> names;
  for (const auto& picture : pictures) {
    const auto [at, is_new] = names.emplace(picture.stem().string(), picture);
    if (!is_new) {
      fail_user("{} and {} would be written to one file; run them into folders of their own",
                at->second.string(), picture.string());
    }
    const fs::path to = fs::path(command.output) / (picture.stem().string() + ".png");
    std::error_code error;
    if (!fs::equivalent(to, picture, error)) continue;
    fail_user("-o {}: the map of {} would be written over it; give another folder",
              quoted(command.output), picture.string());
  }
}

void show_progress(size_t done, size_t all) {
  static const bool terminal = isatty(2) != 0;
  if (!terminal) return;
  std::fprintf(stderr, "\r%zu of %zu pictures%s", done, all, done == all ? "\n" : "");
  std::fflush(stderr);
}

void run_predict(const PredictCommand& command) {
  check_picture_form(command.as);
  if (command.tile < 0 || command.overlap < 0 || command.top < 1) {
    fail_user("--tile and --overlap are 0 or more, --top 1 or more");
  }
  if (command.overlap > 0 && command.tile == 0) fail_user("--overlap is of --tile; give both");
  check_engine(command.program, command.compiling, command.device);
  torch::set_num_threads(command.compiling.threads > 0 ? command.compiling.threads
                                                       : usable_cores());
  const torch::NoGradGuard no_grad;
  const auto pictures = pictures_of(command.inputs);
  Predictor predictor(command);
  if (predictor.is_map() && command.output.empty()) {
    fail_user("the network makes maps; -o FOLDER says where their pictures go");
  }
  check_outputs(pictures, predictor, command);
  if (!command.output.empty()) {
    std::error_code error;
    fs::create_directories(command.output, error);
    check_writable(fs::path(command.output) / "predictions.csv");
  }
  std::string table;
  const ImageStore::Read read = picture_reader(predictor.channels(), predictor.size());
  for (size_t i = 0; i < pictures.size(); ++i) {
    const at::Tensor picture = read(pictures[i]);
    const fs::path stem = fs::path(command.output) / pictures[i].stem();
    if (predictor.is_map()) {
      const at::Tensor map = predictor.map_of(picture);
      save_png(stem.string() + ".png", predictor.picture_of(map, pictures[i].string()));
      if (command.numbers) save_npy(stem.string() + ".npy", predictor.numbers_of(map));
    } else {
      table += cell_of(pictures[i].string()) + "," + predictor.row_of(picture) + "\n";
    }
    show_progress(i + 1, pictures.size());
  }
  if (predictor.is_map()) {
    std::printf("wrote %zu pictures to %s\n", pictures.size(), command.output.c_str());
    return;
  }
  table = predictor.table_head() + "\n" + table;
  if (command.output.empty()) {
    std::fputs(table.c_str(), stdout);
  } else {
    write_file(fs::path(command.output) / "predictions.csv", table);
    std::printf("wrote %s/predictions.csv: %zu pictures\n", command.output.c_str(),
                pictures.size());
  }
}

}  // namespace

void add_predict(CLI::App& app) {
  auto* verb = app.add_subcommand("predict", "Runs a network on pictures: masks, classes, numbers");
  const auto command = std::make_shared<PredictCommand>();
  verb->add_option("MODEL", command->model, kModelHelp)->required();
  verb->add_option("PICTURES", command->inputs, "Files, and folders of them")->required();
  add_model_options(*verb, command->opening);
  verb->add_option("-o,--output", command->output,
                   "A folder for masks and maps (NAME.png) or the table of classes "
                   "(predictions.csv, else printed)")
      ->type_name("FOLDER");
  verb->add_option(
          "--as", command->as,
          "How maps are shown: values (0 to 1), range (stretched), probability (of logits), "
          "classes (a mask, or the classes' colours)")
      ->type_name("FORM");
  verb->add_flag("--numbers", command->numbers,
                 "Writes maps as NAME.npy too: probabilities, where rung trained the network");
  verb->add_option("--top", command->top, "So many of the likeliest classes")
      ->capture_default_str();
  verb->add_option("--tile", command->tile,
                   "Runs pictures that are larger in tiles of so many pixels a side")
      ->type_name("N");
  verb->add_option("--overlap", command->overlap,
                   "What neighbouring tiles share; a quarter of a tile unless given")
      ->type_name("N");
  verb->add_option("--device", command->device, "cpu or cuda")->capture_default_str();
  verb->add_flag("--program", command->program,
                 "Compiles the network for this machine and runs that, tile by tile or picture by "
                 "picture; pictures of other sizes compile it again");
  add_program_options(*verb, command->compiling);
  verb->footer(
      "Classes have their names, and numbers of a regression their units, where rung trained the\n"
      "network.\n\n"
      "Examples:\n"
      "  rung predict unet_out/best.rung photos/ -o masks\n"
      "  rung predict unet.onnx slide.png -o masks --tile 1024 --overlap 256 --numbers\n"
      "  rung predict resnet18.onnx *.jpg --top 5");
  verb->callback([command] { run_predict(*command); });
}

}  // namespace rung::cli
