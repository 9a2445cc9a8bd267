#include "rung/base/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

#include "rung/base/text.h"

namespace rung {
namespace {

// "200000 100000" or "max 100000": microseconds of processor time per period.
int quota_cores(int most) {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return most;
  const double cores = std::strtod(quota.c_str(), nullptr) / period;
  return std::clamp(static_cast<int>(std::ceil(cores)), 1, most);
}

}  // namespace

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return quota_cores(std::max(1, CPU_COUNT(&set)));
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      return std::string(trim(std::string_view(line).substr(line.find(':') + 1)));
    }
  }
  return "unknown";
}

}  // namespace rung
