#include "rung/cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

#include "rung/base/text.h"

namespace rung::cli {
namespace {

constexpr size_t kBar = 20;
constexpr size_t kShortBar = 8;

std::string bar(double share, size_t length) {
  const auto full = static_cast<size_t>(std::floor(share * static_cast<double>(length)));
  std::string out(std::min(full, length), '=');
  if (full < length) out += '>';
  out.resize(length, ' ');
  return "[" + out + "]";
}

size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string metrics_text(const std::vector<Metric>& metrics, const std::vector<double>& values) {
  std::string out;
  for (size_t i = 0; i < metrics.size() && i < values.size(); ++i) {
    out += fmt::format("  {} {:.4f}", metrics[i].name, values[i]);
  }
  return out;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

std::string progress_line(const TrainProgress& p, const std::vector<Metric>& metrics,
                          size_t width) {
  const double share = static_cast<double>(p.step) / static_cast<double>(p.steps);
  const std::vector<Metric> first(metrics.begin(), metrics.begin() + (metrics.empty() ? 0 : 1));
  const std::string samples = fmt::format("  {}/s", with_unit(std::round(p.samples_per_second)));
  const std::string rate = fmt::format("  rate {:.2g}", p.rate);
  const auto line = [&](size_t length, bool all) {
    return fmt::format("epoch {:>2}/{}  {} {:>3.0f}%{}{}  loss {:.4f}{}  {} left", p.epoch,
                       p.epochs, bar(share, length), 100 * share, samples, all ? rate : "", p.loss,
                       metrics_text(first, p.metrics), duration_text(p.seconds_left));
  };
  for (const auto& [length, all] : {std::pair(kBar, true), {kShortBar, true}, {kShortBar, false}}) {
    if (std::string text = line(length, all); text.size() <= width) return text;
  }
  return line(kShortBar, false).substr(0, width);
}

std::string epoch_line(const TrainLog& log, int64_t epochs) {
  const EpochResult& epoch = log.epochs.back();
  const bool best = log.best_epoch == epoch.epoch;
  if (!epoch.validation) {
    return fmt::format("epoch {:>2}/{}  {}  loss {:.4f}{}{}", epoch.epoch, epochs,
                       duration_text(epoch.seconds), epoch.train.loss,
                       metrics_text(log.metrics, epoch.train.metrics), best ? "  *" : "");
  }
  return fmt::format("epoch {:>2}/{}  {}  loss {:.4f}  validation: loss {:.4f}{}{}", epoch.epoch,
                     epochs, duration_text(epoch.seconds), epoch.train.loss, epoch.validation->loss,
                     metrics_text(log.metrics, epoch.validation->metrics), best ? "  *" : "");
}

ProgressView::ProgressView(std::vector<Metric> metrics, int64_t epochs)
    : metrics_(std::move(metrics)), epochs_(epochs), terminal_(::isatty(STDOUT_FILENO) == 1) {}

ProgressView::~ProgressView() {
  if (open_) std::printf("\n");
}

void ProgressView::step(const TrainProgress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  std::printf("\r\033[K%s", progress_line(progress, metrics_, terminal_width() - 1).c_str());
  open_ = true;
  std::fflush(stdout);
}

void ProgressView::epoch(const TrainLog& log) {
  std::printf("%s%s\n", terminal_ ? "\r\033[K" : "", epoch_line(log, epochs_).c_str());
  open_ = false;
  std::fflush(stdout);
}

}  // namespace rung::cli
