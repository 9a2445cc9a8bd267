#ifndef RUNG_C_RUNG_H
#define RUNG_C_RUNG_H

/* rung from C, and from whatever can call C: load a .rung file, compile it, run it. Link with
 * -lrung_c, which holds oneDNN's part of rung and needs neither LibTorch nor C++ in the caller.
 * It is called rung/c/rung.h because rung/rung.h is the C++ library's.
 *
 * Functions that can fail return a status; rung_last_error() says in words what went wrong. Several
 * threads may call one program at once. Nothing here throws, prints or ends the process. */

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define RUNG_API __attribute__((visibility("default")))
#else
#define RUNG_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Who can act on a failure; the numbers are the exit codes of the command. */
typedef enum rung_status {
  RUNG_OK = 0,
  RUNG_BUG = 1,        /* rung broke a promise of its own */
  RUNG_USER_ERROR = 2, /* the input is wrong: a file, a name, a shape, an option */
  RUNG_UNSUPPORTED = 3 /* the input is right, but rung cannot do this */
} rung_status;

/* Of the calling thread's last call that returned a status: "" after RUNG_OK. The text lives until
 * the thread's next such call. */
RUNG_API const char* rung_last_error(void);
RUNG_API const char* rung_version(void); /* "0.1.0" */

typedef enum rung_dtype {
  RUNG_F32 = 0,
  RUNG_F64 = 1,
  RUNG_F16 = 2,
  RUNG_BF16 = 3,
  RUNG_I8 = 4,
  RUNG_U8 = 5,
  RUNG_I16 = 6,
  RUNG_I32 = 7,
  RUNG_I64 = 8,
  RUNG_BOOL = 9,
  RUNG_U16 = 10,
  RUNG_U32 = 11,
  RUNG_U64 = 12,
  RUNG_F8_E4M3 = 13, /* PyTorch's float8_e4m3fn */
  RUNG_F8_E4M3FNUZ = 14,
  RUNG_F8_E5M2 = 15,
  RUNG_F8_E5M2FNUZ = 16
} rung_dtype;

#define RUNG_MAX_RANK 12

/* A dense row-major array in the caller's memory, or the description of one. */
typedef struct rung_tensor {
  const char* name; /* of an input or output; where the caller fills this in, it is not read */
  int32_t dtype;    /* rung_dtype */
  int32_t rank;
  int64_t shape[RUNG_MAX_RANK]; /* the first `rank` count */
  void* data;                   /* descriptions: NULL. Inputs are not written to */
  size_t bytes;                 /* of data: at least what dtype and shape need */
} rung_tensor;

/* A network in memory: graph and weights. */
typedef struct rung_model rung_model;

/* Opens a .rung file (`rung convert net.onnx net.rung` makes one). Free it with rung_model_free; a
 * program that was compiled from it stays whole. */
RUNG_API rung_status rung_load(const char* path, rung_model** model);
RUNG_API void rung_model_free(rung_model* model); /* NULL: nothing */

typedef enum rung_precision {
  RUNG_PRECISION_F32 = 0,
  RUNG_PRECISION_BF16 = 1 /* values are stored as bf16, sums are f32 */
} rung_precision;

/* Fill in with rung_compile_options_init, then change what should differ: fields are added behind
 * these in later versions, and `size` says which version the caller knows. */
typedef struct rung_compile_options {
  size_t size;
  int32_t precision; /* rung_precision */
  int32_t threads;   /* of each run; 0: every core that the process may use */
  int32_t measure;   /* 0: choose the same ways on every machine, without measuring */
  int32_t shapes;    /* programs kept, one per set of input shapes */
  double budget_s;   /* for measuring */
  const char* cache; /* file that remembers what was measured; "": none; NULL: the usual one */
} rung_compile_options;
RUNG_API void rung_compile_options_init(rung_compile_options* options);

/* A network compiled for this machine. */
typedef struct rung_program rung_program;

/* Compiles at the sizes of the network's example. options: NULL for the usual ones. */
RUNG_API rung_status rung_compile(const rung_model* model, const rung_compile_options* options,
                                  rung_program** program);
RUNG_API void rung_program_free(rung_program* program); /* NULL: nothing */

/* Inputs and outputs, at the sizes of the example; names live as long as the program. */
RUNG_API size_t rung_input_count(const rung_program* program);
RUNG_API size_t rung_output_count(const rung_program* program);
RUNG_API rung_status rung_input(const rung_program* program, size_t index, rung_tensor* input);
RUNG_API rung_status rung_output(const rung_program* program, size_t index, rung_tensor* output);

/* What comes out for inputs of these shapes (their data is not read): fills in the description of
 * every output, `bytes` being what it needs. */
RUNG_API rung_status rung_output_shapes(const rung_program* program, const rung_tensor* inputs,
                                        size_t input_count, rung_tensor* outputs,
                                        size_t output_count);

/* Runs it. Inputs and outputs in their order, in memory of the caller's, described by dtype, rank,
 * shape, data and bytes. At sizes other than the example's, the first run compiles. */
RUNG_API rung_status rung_run(const rung_program* program, const rung_tensor* inputs,
                              size_t input_count, const rung_tensor* outputs, size_t output_count);

#ifdef __cplusplus
}
#endif

#endif
