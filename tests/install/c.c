/* Loads a network that is not there, and says what rung says. */
#include <rung/c/rung.h>
#include <stdio.h>

int main(void) {
  rung_model* model;
  if (rung_load("no such file.rung", &model) != RUNG_USER_ERROR) return 1;
  printf("%s: %s\n", rung_version(), rung_last_error());
  return 0;
}
