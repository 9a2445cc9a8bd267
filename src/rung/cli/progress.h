#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "rung/train/trainer.h"

namespace rung::cli {

/// Shows how a training goes: on a terminal one line that is drawn again and again, elsewhere only
/// a line per epoch.
class ProgressView {
 public:
  ProgressView(std::vector<Metric> metrics, int64_t epochs);
  /// Ends a line that an error leaves unfinished, so that the message has one of its own.
  ~ProgressView();
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;
  void step(const TrainProgress& progress);
  /// Ends the line with what the epoch gave.
  void epoch(const TrainLog& log);

 private:
  std::vector<Metric> metrics_;
  int64_t epochs_;
  bool terminal_;
  bool open_ = false;  ///< a line stands there that was not ended
  std::chrono::steady_clock::time_point drawn_{};
};

/// "epoch  3/20  [=====>    ]  54%  1 234/s  loss 0.2310  iou 0.81  2 min 05 s left"
/// In at most `width` columns: a narrow terminal gets a shorter bar, then fewer fields.
std::string progress_line(const TrainProgress& progress, const std::vector<Metric>& metrics,
                          size_t width);
/// "epoch  3/20  31.2 s  loss 0.2310  val loss 0.2505  iou 0.8120  *": the star marks the best.
std::string epoch_line(const TrainLog& log, int64_t epochs);
/// "2 min 05 s"
std::string duration_text(double seconds);

}  // namespace rung::cli
