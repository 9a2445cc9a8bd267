/* The C library on a .rung file: loads, compiles, runs, refuses; a program of C11.
 *
 *   c_run_model NET.rung         f32 in, f32 out, at least one input and one output */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rung/c/rung.h"

static int failures = 0;

#define EXPECT(condition)                                                                    \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      printf("%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, rung_last_error()); \
      ++failures;                                                                            \
    }                                                                                        \
  } while (0)

static void expect_refusal(rung_status status, rung_status expected, const char* text) {
  if (status != expected || strstr(rung_last_error(), text) == NULL) {
    printf("expected %d and \"%s\", but it was %d: %s\n", (int)expected, text, (int)status,
           rung_last_error());
    ++failures;
  }
}

static void allocate(rung_tensor* tensor) {
  tensor->data = malloc(tensor->bytes);
  if (tensor->data == NULL) exit(1);
  for (size_t i = 0; i < tensor->bytes / sizeof(float); ++i) {
    ((float*)tensor->data)[i] = (float)(i % 17) * 0.1f - 0.8f;
  }
}

static void check_errors(const rung_program* program, const rung_tensor* in, rung_tensor* out) {
  rung_model* model = NULL;
  rung_program* none = NULL;
  rung_tensor info;
  expect_refusal(rung_load("absent.rung", &model), RUNG_USER_ERROR, "absent.rung");
  EXPECT(model == NULL);
  expect_refusal(rung_load(NULL, &model), RUNG_USER_ERROR, "path is NULL");
  expect_refusal(rung_compile(NULL, NULL, &none), RUNG_USER_ERROR, "model is NULL");
  expect_refusal(rung_input(program, 99, &info), RUNG_USER_ERROR, "input 99 does not exist");
  expect_refusal(rung_run(program, in, 0, out, 1), RUNG_USER_ERROR, "0 inputs are given");
  expect_refusal(rung_run(NULL, in, 1, out, 1), RUNG_USER_ERROR, "program is NULL");

  rung_tensor wrong = *in;
  wrong.bytes = 3;
  expect_refusal(rung_run(program, &wrong, 1, out, 1), RUNG_USER_ERROR, "3 bytes are given");
  wrong = *in;
  wrong.dtype = RUNG_I64;
  wrong.bytes *= 2;
  expect_refusal(rung_run(program, &wrong, 1, out, 1), RUNG_USER_ERROR, "i64");
  wrong = *in;
  wrong.dtype = 77;
  expect_refusal(rung_run(program, &wrong, 1, out, 1), RUNG_USER_ERROR, "77 is no rung_dtype");
  wrong = *in;
  wrong.rank = RUNG_MAX_RANK + 1;
  expect_refusal(rung_run(program, &wrong, 1, out, 1), RUNG_USER_ERROR, "rank 13");
  wrong = *in;
  wrong.shape[0] = -1;
  expect_refusal(rung_run(program, &wrong, 1, out, 1), RUNG_USER_ERROR, "negative size");
  wrong = *out;
  wrong.shape[0] += 1;
  wrong.bytes *= 2;
  expect_refusal(rung_run(program, in, 1, &wrong, 1), RUNG_USER_ERROR, "output 0");
  EXPECT(rung_run(program, in, 1, out, 1) == RUNG_OK);
  EXPECT(strcmp(rung_last_error(), "") == 0);
}

static void check_options(const rung_model* model) {
  rung_compile_options options;
  rung_program* program = NULL;
  memset(&options, 0, sizeof options);
  expect_refusal(rung_compile(model, &options, &program), RUNG_USER_ERROR, "no size");
  rung_compile_options_init(&options);
  options.precision = 5;
  expect_refusal(rung_compile(model, &options, &program), RUNG_USER_ERROR, "rung_precision");
  rung_compile_options_init(&options);
  options.threads = -1;
  expect_refusal(rung_compile(model, &options, &program), RUNG_USER_ERROR, "threads");
  rung_compile_options_init(&options);
  options.threads = 1;
  options.measure = 0;
  options.cache = "";
  EXPECT(rung_compile(model, &options, &program) == RUNG_OK);
  rung_program_free(program);
}

/* Twice the batch: other shapes, and each half must be what the single one gave. */
static void check_other_shapes(const rung_program* program, const rung_tensor* in,
                               const rung_tensor* out) {
  rung_tensor both = *in, result;
  both.shape[0] *= 2;
  both.bytes *= 2;
  both.data = malloc(both.bytes);
  if (both.data == NULL) exit(1);
  memcpy(both.data, in->data, in->bytes);
  memcpy((char*)both.data + in->bytes, in->data, in->bytes);
  EXPECT(rung_output_shapes(program, &both, 1, &result, 1) == RUNG_OK);
  EXPECT(result.shape[0] == 2 * out->shape[0] && result.bytes == 2 * out->bytes);
  allocate(&result);
  EXPECT(rung_run(program, &both, 1, &result, 1) == RUNG_OK);
  const size_t count = out->bytes / sizeof(float);
  const float* single = out->data;
  const float* twice = result.data;
  for (size_t i = 0; i < count; ++i) {
    EXPECT(fabsf(twice[i] - single[i]) <= 1e-4f * (1 + fabsf(single[i])));
    EXPECT(fabsf(twice[count + i] - single[i]) <= 1e-4f * (1 + fabsf(single[i])));
  }
  free(both.data);
  free(result.data);
}

typedef struct Call {
  const rung_program* program;
  const rung_tensor* in;
  const rung_tensor* expected;
  int same;
} Call;

static void* run_in_thread(void* argument) {
  Call* call = argument;
  rung_tensor out = *call->expected;
  allocate(&out);
  call->same = 1;
  for (int i = 0; i < 5; ++i) {
    if (rung_run(call->program, call->in, 1, &out, 1) != RUNG_OK) call->same = 0;
    if (memcmp(out.data, call->expected->data, out.bytes) != 0) call->same = 0;
  }
  free(out.data);
  return NULL;
}

static void check_threads(const rung_program* program, const rung_tensor* in,
                          const rung_tensor* out) {
  pthread_t threads[4];
  Call calls[4];
  for (int i = 0; i < 4; ++i) {
    calls[i] = (Call){program, in, out, 0};
    if (pthread_create(&threads[i], NULL, run_in_thread, &calls[i]) != 0) exit(1);
  }
  for (int i = 0; i < 4; ++i) {
    pthread_join(threads[i], NULL);
    EXPECT(calls[i].same);
  }
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  rung_model* model = NULL;
  rung_program* program = NULL;
  rung_compile_options options;
  rung_compile_options_init(&options);
  options.cache = "";
  EXPECT(rung_load(argv[1], &model) == RUNG_OK);
  EXPECT(rung_compile(model, &options, &program) == RUNG_OK);
  if (program == NULL) return 1;
  check_options(model);
  rung_model_free(model); /* the program stays whole */

  rung_tensor in, out;
  EXPECT(rung_input_count(program) == 1 && rung_output_count(program) == 1);
  EXPECT(rung_input(program, 0, &in) == RUNG_OK && rung_output(program, 0, &out) == RUNG_OK);
  printf("rung %s: %s [%lld, …] -> %s [%lld, …]\n", rung_version(), in.name, (long long)in.shape[0],
         out.name, (long long)out.shape[0]);
  allocate(&in);
  allocate(&out);
  EXPECT(rung_run(program, &in, 1, &out, 1) == RUNG_OK);
  check_errors(program, &in, &out);
  check_other_shapes(program, &in, &out);
  check_threads(program, &in, &out);
  free(in.data);
  free(out.data);
  rung_program_free(program);
  rung_program_free(NULL);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
