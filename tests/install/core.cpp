// Joins two networks and writes the result: graphs, joins and files need nothing else.
#include <iostream>

#include "every_header_core.h"

int main() {
  const auto plan = rung::join({rung::zoo("resnet18_encoder").named("enc"), rung::zoo("decoder").named("dec")})
                        .wire("enc/layer4", "dec/input")
                        .skip({.from = "enc/layer3", .to = "dec/up1", .merge = "concat"})
                        .plan();
  std::cout << plan.explain();
  try {
    rung::zoo("no such network");
  } catch (const rung::Error& error) {  // of the library's, caught in the program
    std::cout << "caught: " << error.what() << '\n';
  }
}
