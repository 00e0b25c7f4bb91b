#pragma once

// Everything that a program needs to use graft: load a model, fine-tune it, measure it, fuse it,
// convert it, generate with it. docs/library.md has an example.

#include "graft/convert/convert.h"
#include "graft/data/dataset.h"
#include "graft/engine/console.h"
#include "graft/engine/data_split.h"
#include "graft/engine/fine_tune.h"
#include "graft/engine/loaded_model.h"
#include "graft/engine/named_data.h"
#include "graft/engine/named_model.h"
#include "graft/engine/runtime.h"
#include "graft/engine/samples.h"
#include "graft/evaluation/evaluate.h"
#include "graft/evaluation/scorers.h"
#include "graft/generation/batch.h"
#include "graft/generation/generate.h"
#include "graft/lora/fuse_model.h"
#include "graft/report/metrics_sink.h"
#include "graft/report/report_sink.h"
#include "graft/report/tensorboard.h"
#include "graft/tokenizer/chat_template.h"
#include "graft/training/console_sink.h"
#include "graft/training/evaluation.h"
