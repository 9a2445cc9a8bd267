# The unit tests, a line each, so that two changes seldom meet.
rung_test(rung_core_tests graph/extent graph/graph)
rung_test(rung_core_tests join/plan join/plan_random)
rung_test(rung_core_tests inspect/summary)
rung_test(rung_core_tests io/image)
rung_test(rung_core_tests io/load_weights)
rung_test(rung_core_tests io/model_file)
rung_test(rung_core_tests io/mutation)
rung_test(rung_core_tests io/numpy/npy)
rung_test(rung_core_tests io/safetensors)
rung_test(rung_core_tests ops/conv/conv)
rung_test(rung_core_tests ops/leaf/leaf)
rung_test(rung_core_tests ops/linear/linear)
rung_test(rung_core_tests ops/norm/norm)
rung_test(rung_core_tests ops/op ops/activation/activation ops/attention/attention
          ops/elementwise/elementwise ops/embedding/embedding ops/layout/axes ops/layout/layout
          ops/misc/misc ops/reduce/reduce)
rung_test(rung_core_tests ops/pool/pool)
rung_test(rung_core_tests ops/recurrent/recurrent)
rung_test(rung_core_tests ops/resize/resize)
rung_test(rung_core_tests inspect/chart)
rung_test(rung_core_tests inspect/contact_sheet)
rung_test(rung_core_tests inspect/graph_svg)
rung_test(rung_core_tests inspect/outline)
rung_test(rung_core_tests inspect/svg)
rung_test(rung_core_tests blocks/decoder blocks/densenet blocks/encoder blocks/mlp blocks/resnet
          blocks/sequence blocks/skip_connection blocks/skip_net blocks/transformer blocks/unet
          blocks/zoo)
rung_test(rung_torch_tests ops/eager ops/eager_layout_cases ops/eager_map_cases
          ops/eager_pointwise_cases)
rung_test(rung_torch_tests exec/eager/convert exec/eager/module exec/eager/module_state)
rung_test(rung_core_tests io/csv io/idx io/toml)
rung_test(rung_torch_tests train/data train/options train/recipe train/task train/trainer)
rung_test(rung_torch_tests exec/eager/trace)
