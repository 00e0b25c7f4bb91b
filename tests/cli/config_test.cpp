// `graft lora --config`.

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "graft/io/json.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class ConfigOption : public ProgramTest {
 protected:
  ProgramResult train_with(const std::string& config, std::vector<std::string> more = {}) {
    write("c.yaml", config);
    more.insert(more.begin(), {"lora", "--config", "c.yaml"});
    return run(more);
  }

  // The settings of the last training.
  ordered_json settings(const std::string& run = "adapters.run") {
    return io::read_ordered_json_object(folder_ / run / "run.json").at("config");
  }

  void expect_settings(const ordered_json& expected, const std::string& run = "adapters.run") {
    const ordered_json found = settings(run);
    for (const auto& [name, value] : expected.items())
      EXPECT_EQ(found.value(name, ordered_json()), value) << name;
  }

  void expect_usage(const std::string& config, const std::string& part,
                    const std::vector<std::string>& more = {}) {
    SCOPED_TRACE(config);
    expect_refused(train_with(config, more), 2, part);
  }

  std::string bytes(const std::string& name) { return read_bytes(folder_ / name); }
};

constexpr const char* kSmall =
    "model: model\n"
    "data: data\n"
    "train: yes\n"
    "iters: 4\n"
    "batch_size: 2\n"
    "val-batches: 1\n"
    "steps-per-eval: 4\n";

TEST_F(ConfigOption, HasTheNamesOfTheFlags) {
  const ProgramResult result = train_with(std::string(kSmall) +
                                              "learning-rate: 1e-3\n"
                                              "lora_rank: 4\n"
                                              "lora_keys: [q_proj, self_attn.v_proj]\n"
                                              "grad-checkpoint: on\n"
                                              "seed: ~\n"
                                              "threads: 1\n"
                                              "sample_prompt: [\"the, one\", the two]\n"
                                              "schedule: cosine\n",
                                          {"--lora-rank", "2", "--lora-dropout=0.1"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_settings({{"iters", 4},
                   {"learning_rate", 1e-3},
                   {"lora_rank", 2},
                   {"lora_dropout", 0.1},
                   {"lora_keys", {"q_proj", "self_attn.v_proj"}},
                   {"grad_checkpoint", true},
                   {"seed", 0},
                   {"threads", 1},
                   {"sample_prompt", {"the, one", "the two"}},
                   {"schedule", "cosine"}});
}

TEST_F(ConfigOption, WordsForBooleansAreNamesWhereAnOptionTakesThem) {
  const ProgramResult result = train_with(std::string(kSmall) + "trunk_cache: Off\n");
  ASSERT_EQ(result.code, 0) << result.err;
  expect_settings({{"trunk_cache", "off"}, {"train", true}});
  for (const char* word : {"no", "false", "\"none\"", "Yes", "0"}) {
    expect_usage(fmt::format("trunk_cache: {}\n", word), " is neither auto nor off; a folder");
  }
}

TEST_F(ConfigOption, MayBeMlxLms) {
  write("adapters/other", "");
  const ProgramResult result = train_with(R"(# As its example.
model: "model"
train: true
fine_tune_type: lora
optimizer: AdamW
optimizer_config:
  adamw:
    betas: [0.9, 0.98]
    eps: 1e-6
    weight_decay: 0.05
    bias_correction: true
  sgd: {momentum: 0.9}
data: data
seed: 7
num_layers: 0
batch_size: 2
iters: 25
val_batches: 1
steps_per_report: 10
steps_per_eval: 200
grad_accumulation_steps: 2
resume_adapter_file: null
adapter_path: "out/deep"
save_every: 100
test: false
max_seq_length: 1_024
grad_checkpoint: false
clear_cache_threshold: 1_000_000
report_to: wandb
project_name: x
trust_remote_code: true
mask_prompt: false
hf_dataset: null
text_feature: text
prompt_feature: prompt
config: ignored
lr_schedule:
  name: cosine_decay
  warmup: 3
  warmup_init: 1e-7
  arguments: [1e-3, 20, 1e-7]
lora_parameters:
  rank: 4
  scale: 20
  dropout: 0.0
)");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("c.yaml: without keys every linear layer gets an adapter"),
            std::string::npos);
  EXPECT_NE(
      result.err.find("c.yaml: counts of batches, as in mlx-lm, 2 of which are one of graft's"),
      std::string::npos);
  EXPECT_NE(result.err.find("warning: c.yaml:29: report_to has no part"), std::string::npos)
      << result.err;
  EXPECT_NE(result.err.find("the schedule has 24 steps and the run 12"), std::string::npos)
      << result.err;
  expect_settings({{"optimizer", "adamw"},
                   {"beta1", 0.9},
                   {"beta2", 0.98},
                   {"eps", 1e-6},
                   {"weight_decay", 0.05},
                   {"bias_correction", true},
                   {"momentum", nullptr},
                   {"iters", 12},
                   {"grad_accumulation", 2},
                   {"steps_per_report", 5},
                   {"steps_per_eval", 100},
                   {"save_every", 50},
                   {"lora_layers", -1},
                   {"lora_keys", {"all"}},
                   {"lora_rank", 4},
                   {"max_seq_length", 1024},
                   {"train_on", "all"},
                   {"schedule", "cosine_decay"},
                   {"schedule_arguments", {1e-3, 20, 1e-7}},
                   {"schedule_iters", nullptr},
                   {"warmup", 3},
                   {"warmup_init", 1e-7},
                   {"learning_rate", 1e-3}},
                  "out/deep/adapters.run");
  EXPECT_TRUE(fs::exists(folder_ / "out/deep/adapters.safetensors"));
  EXPECT_TRUE(fs::exists(folder_ / "out/deep/adapter_config.json"));
}

TEST_F(ConfigOption, GivesMlxLmsOptimizersTheirDefaults) {
  ASSERT_EQ(
      train_with(std::string(kSmall) +
                 "optimizer: adafactor\nfine_tune_type: lora\n"
                 "optimizer_config: {adafactor: {eps: [1e-20, 1e-2], decay_rate: -0.7, beta_1: "
                 "null, warmup_init: yes}}\n"
                 "lora_parameters: {keys: [self_attn.q_proj], rank: 2, scale: 1.5, dropout: 0}\n")
          .code,
      0);
  expect_settings({{"relative_step", true},
                   {"scale_parameter", true},
                   {"adafactor_warmup_init", true},
                   {"eps", 1e-20},
                   {"scale_eps", 1e-2},
                   {"adafactor_decay_rate", -0.7},
                   {"beta1", nullptr},
                   {"lora_keys", {"self_attn.q_proj"}},
                   {"lora_scale", 1.5}});
  ASSERT_EQ(train_with(std::string(kSmall) + "optimizer: adafactor\n").code, 0);
  expect_settings({{"relative_step", nullptr}, {"scale_parameter", nullptr}});
  // The command line's optimizer has its own map.
  ASSERT_EQ(
      train_with(
          std::string(kSmall) +
              "optimizer: sgd\n"
              "optimizer_config: {sgd: {momentum: 0.5}, muon: {ns_steps: 3, nesterov: false}}\n",
          {"--optimizer", "muon"})
          .code,
      0);
  expect_settings(
      {{"optimizer", "muon"}, {"ns_steps", 3}, {"nesterov", false}, {"momentum", nullptr}});
}

TEST_F(ConfigOption, GivesWayToTheCommandLine) {
  const std::string config = std::string(kSmall) + "adapter_file: a.npz\nlearning_rate: 1e-3\n";
  ASSERT_EQ(
      train_with(config, {"--epochs", "0.5", "--adapter-path", "p", "--lora-keys", "q_proj"}).code,
      0);
  expect_settings({{"lora_keys", {"q_proj"}}, {"learning_rate", 1e-3}}, "p/adapters.run");
  EXPECT_NE(settings("p/adapters.run").at("iters"), 4);
  EXPECT_FALSE(fs::exists(folder_ / "a.npz"));
  // A flag of the file is undone by its value.
  expect_refused(train_with(config, {"--train=false"}), 2, "nothing to do");
}

TEST_F(ConfigOption, RepeatsATrainingToTheByte) {
  const std::vector<std::vector<std::string>> all = {
      {"--optimizer", "adafactor", "--relative-step", "--adafactor-warmup-init", "--lora-keys",
       "all"},
      {"--schedule", "linear_schedule", "--schedule-arguments", "1e-3,1e-4,6", "--warmup", "2",
       "--lora-dropout", "0.1"},
      {"--epochs", "0.3", "--optimizer", "muon", "--ns-steps", "4", "--grad-accumulation", "2",
       "--schedule", "wsd", "--min-lr", "1e-6"},
      {"--optimizer", "sgd", "--momentum", "0.9", "--dampening", "0.1", "--weight-decay", "0.1",
       "--schedule", "step_decay", "--schedule-arguments", "1e-3,0.5,2"},
      {"--overlong", "split", "--overlap", "2", "--max-seq-length", "6", "--train-on", "all",
       "--group-by-length"},
      {"--lora-plus-ratio", "4", "--pack", "--batch-tokens", "40", "--text-key", "text",
       "--add-eos-token", "0", "--grad-checkpoint", "--threads", "1"},
      {"--adam-bits", "8", "--grad-clip", "0.3", "--lora-layers", "1", "--seed",
       "18446744073709551615"}};
  for (const std::vector<std::string>& more : all) {
    SCOPED_TRACE(fmt::format("{}", fmt::join(more, " ")));
    std::vector<std::string> arguments = {"lora",         "--train", "--model",        "model",
                                          "--data",       "data",    "--iters",        "6",
                                          "--batch-size", "3",       "--adapter-file", "a.npz"};
    if (more[0] == "--epochs") arguments.erase(arguments.begin() + 6, arguments.begin() + 8);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult first = run(arguments);
    ASSERT_EQ(first.code, 0) << first.err;
    const std::string wanted = bytes("a.npz");
    const auto again = [&](const std::vector<std::string>& with) {
      std::vector<std::string> repeat = {"lora", "--adapter-file", "b.npz", "--config"};
      repeat.insert(repeat.end(), with.begin(), with.end());
      const ProgramResult result = run(repeat);
      EXPECT_EQ(result.code, 0) << result.err;
      EXPECT_EQ(result.err.find("left out"), std::string::npos) << result.err;
      EXPECT_TRUE(bytes("b.npz") == wanted) << with[0];
    };
    again({"a.run/config.yaml"});
    again({"a.checkpoints"});
    again({"a.npz", "--model", "model", "--data", "data"});
  }
  // Names of this machine's files do not travel with an adapter.
  EXPECT_EQ(bytes("a.npz").find("\"model\""), std::string::npos);
  EXPECT_NE(bytes("a.npz").find("grad_clip"), std::string::npos);
}

TEST_F(ConfigOption, IsInAnAdapterOfAnyLayout) {
  ASSERT_EQ(train({"--adapter-file", "a.npz", "--lora-rank", "2", "--iters", "4"}).code, 0);
  for (const std::string format : {"gguf", "peft", "mlx-lm"}) {
    SCOPED_TRACE(format);
    const std::string to = format == "gguf" ? "a.gguf" : format;
    ASSERT_EQ(run({"adapter", "convert", "a.npz", to, "--format", format}).code, 0);
    const ProgramResult result = run(
        {"lora", "--config", to, "--model", "model", "--data", "data", "--adapter-file", "b.npz"});
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_TRUE(bytes("b.npz") == bytes("a.npz"));
    fs::remove(folder_ / "b.npz");
  }
  expect_refused(run({"lora", "--config", "model", "--model", "model"}), 1, "model.checkpoints");
}

TEST_F(ConfigOption, RepeatsATrainingThatBeganWithAnAdapter) {
  ASSERT_EQ(train({"--adapter-file", "base.npz"}).code, 0);
  ASSERT_EQ(
      train({"--adapter-file", "a.npz", "--resume-adapter-file", "base.npz", "--seed", "3"}).code,
      0);
  ASSERT_EQ(run({"lora", "--config", "a.run/config.yaml", "--adapter-file", "b.npz"}).code, 0);
  EXPECT_TRUE(bytes("b.npz") == bytes("a.npz"));
  EXPECT_EQ(bytes("a.npz").find("base.npz"), std::string::npos);
  // The adapter does not hold the one that it began with, and says so.
  expect_refused(run({"lora", "--config", "a.npz", "--model", "model", "--adapter-file", "b.npz"}),
                 2,
                 "a.npz was trained on from another adapter: give that as --resume-adapter-file");
  ASSERT_EQ(run({"lora", "--config", "a.npz", "--model", "model", "--adapter-file", "b.npz",
                 "--resume-adapter-file", "base.npz"})
                .code,
            0);
  EXPECT_TRUE(bytes("b.npz") == bytes("a.npz"));
  // Such a training can be resumed, too.
  ASSERT_EQ(run({"lora", "--resume", "a.npz", "--iters", "25"}).code, 0);
  ASSERT_EQ(run({"lora", "--config", "a.run/config.yaml", "--adapter-file", "b.npz"}).code, 0);
  EXPECT_TRUE(bytes("b.npz") == bytes("a.npz"));
}

// A stranger's adapter is no configuration of what is read and written.
TEST_F(ConfigOption, OfAStrangersAdapterNamesNoFiles) {
  ASSERT_EQ(train({"--adapter-file", "a.npz", "--lora-rank", "2"}).code, 0);
  std::string evil = bytes("a.npz");
  // As long as before: a zip's comment has a length.
  const auto put = [&](const std::string& what, std::string with) {
    const size_t at = evil.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    with.resize(what.size(), ' ');
    evil.replace(at, what.size(), with);
  };
  put("\"steps_per_eval\":10", "\"adapter_path\":\"x\"");
  write("evil.npz", evil);
  const ProgramResult result = run({"lora", "--config", "evil.npz", "--model", "model", "--data",
                                    "data", "--adapter-file", "b.npz", "--iters", "2"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("warning: evil.npz holds settings that no training of graft records"),
            std::string::npos)
      << result.err;
  EXPECT_FALSE(fs::exists(folder_ / "x"));
  expect_settings({{"lora_rank", 2}, {"steps_per_eval", 200}}, "b.run");
}

TEST_F(ConfigOption, RateOfTheCommandLineIsTheFirstArgument) {
  const std::string config =
      std::string(kSmall) +
      "lr_schedule: {name: linear_schedule, arguments: [1e-3, 0, 6]}\nlearning_rate: 1e-5\n";
  ASSERT_EQ(train_with(config).code, 0);
  expect_settings({{"learning_rate", 1e-3}, {"schedule_arguments", {1e-3, 0, 6}}});
  ASSERT_EQ(train_with(config, {"--learning-rate", "2e-3"}).code, 0);
  expect_settings({{"learning_rate", 2e-3}, {"schedule_arguments", {2e-3, 0, 6}}});
  const ProgramResult result = train_with(config, {"--find-lr"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_usage(
      kSmall, "--learning-rate has no part beside --schedule-arguments",
      {"--schedule", "linear_schedule", "--schedule-arguments", "1,0,3", "--learning-rate", "1"});
  expect_usage(std::string(kSmall) + "fine_tune_type: lora\noptimizer: adafactor\n",
               "--find-lr has no part with --relative-step", {"--find-lr"});
  // What is printed as the next command can be run.
  const ordered_json commands =
      io::read_ordered_json_object(folder_ / "adapters.run" / "run.json").at("commands");
  EXPECT_EQ(commands.at(3).at("command"), "graft lora --resume adapters.npz --iters 8");
}

TEST_F(ConfigOption, TakesMlxLmsDataSetsAndMasks) {
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += fmt::format("{{\"q\": \"a {}\", \"a\": \"b\"}}\n", i);
  fs::create_directory(folder_ / "pairs");
  write("pairs/train.jsonl", lines);
  const ProgramResult result = train_with(R"(model: model
train: true
fine_tune_type: lora
iters: 2
data: nowhere
mask_prompt: true
hf_dataset:
  - path: pairs
    prompt_feature: q
    completion_feature: a
    train_split: "train[:50%]"
    valid_split: "train[-20%:]"
)");
  ASSERT_EQ(result.code, 0) << result.err;
  expect_settings({{"data", "pairs?completion=a&prompt=q&train=train[:50%]&valid=train[-20%:]"},
                   {"train_on", "completion"}});
  EXPECT_NE(result.out.find("pairs/train.jsonl: 10 examples"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("pairs/train.jsonl (valid): 4 examples"), std::string::npos)
      << result.out;
}

TEST_F(ConfigOption, SaysWhatIsWrongAndWhere) {
  expect_usage("train: true\nlearning_rat: 1e-5\n",
               "c.yaml:2: there is no option learning_rat; did you mean learning_rate?");
  expect_usage("train: true\nlora_parameter: {}\n",
               "c.yaml:2: there is no option lora_parameter; did you mean lora_parameters?");
  expect_usage("lora_parameters: {rnk: 8}\n",
               "c.yaml:1: lora_parameters has no rnk: did you mean rank?");
  expect_usage("lora_parameters:\n  alpha: 8\n",
               "c.yaml:2: lora_parameters has no alpha: scale is");
  expect_usage("lora_parameters: [8]\n", "c.yaml:1: lora_parameters is a map");
  expect_usage("lora_parameters: {keys: q_proj}\n", "c.yaml:1: keys is a list");
  expect_usage("lr_schedule: {name: cosine_decay}\n", "c.yaml:1: lr_schedule needs arguments");
  expect_usage("lr_schedule: {nme: cosine_decay}\n",
               "c.yaml:1: lr_schedule has no nme: did you mean name?");
  expect_usage(std::string(kSmall) + "lr_schedule: {name: cosine_deca, arguments: [1]}\n",
               "there is no schedule 'cosine_deca': did you mean cosine_decay?");
  expect_usage(std::string(kSmall) + "lr_schedule: {name: cosine_decay, arguments: [1]}\n",
               "--schedule-arguments of cosine_decay are rate, decay_steps, end: 1 are given");
  expect_usage("optimizer_config: {adm: {}}\n",
               "c.yaml:1: optimizer_config has no adm: did you mean adam?");
  expect_usage("optimizer_config: {adam: {beta: 1}}\n",
               "c.yaml:1: adam has no beta: did you mean betas?");
  expect_usage("optimizer_config: {adam: {betas: [1, 2, 3]}}\n",
               "c.yaml:1: betas has 3 values: adam takes 2");
  expect_usage(std::string(kSmall) + "optimizer: adm\n",
               "there is no optimizer 'adm': did you mean adam?");
  expect_usage("fine_tune_type: lorra\n", "c.yaml:1: fine_tune_type is \"lorra\"");
  expect_usage("mask_prompt: 3\n", "c.yaml:1: mask_prompt is true or false");
  expect_usage("hf_dataset: {train_split: train}\n",
               "c.yaml:1: a data set of hf_dataset has a path");
  expect_usage("hf_dataset: {path: a/b, size: 3}\n", "c.yaml:1: hf_dataset has no size: ");
  expect_usage("chat_feature: 3\n", "c.yaml:1: chat_feature is a text");
  expect_usage("iters: 3\ngrad_accumulation_steps: 4\n",
               "c.yaml:1: iters 3 are fewer batches than the 4 of a step");
  expect_usage("grad_accumulation_steps: 0\n", "c.yaml:1: grad_accumulation_steps is 0");
  expect_usage("iters: 5\nepochs: 2\n", "c.yaml:2: epochs excludes iters");
  expect_usage("num_layers: 4\nlora_layers: 4\n", "c.yaml:2: lora_layers is given twice");
  expect_usage("lora-rank: 4\nlora_rank: 4\n", "c.yaml:2: lora_rank stands in line 1, too");
  expect_usage("iters: many\n", "c.yaml:1: ");
  expect_usage("iters: [1, 2]\n", "c.yaml:1: iters takes one value");
  expect_usage("schedule: {cosine: 1}\n", "c.yaml:1: schedule takes one value");
  expect_usage("lora_keys: []\n", "c.yaml:1: lora_keys is an empty list");
  expect_usage("lora_rank: 0\n", "c.yaml:1: ");
  expect_usage("nesterov: abc\n", "c.yaml:1: --nesterov: abc is neither true nor false");
  expect_usage("config: other.yaml\n", "c.yaml:1: a configuration names no other");
  expect_usage(std::string(kSmall) + "fine_tune_type: lora\nnum_layers: 18446744073709551615\n",
               "c.yaml:9: ");
  expect_refused(train_with("\"a\\nb\": 1\n"), 1, "c.yaml:1: a key with a control character");
  expect_refused(run({"lora", "--model", "model", "--train", "--nesterov=abc"}), 2,
                 "--nesterov: abc is neither true nor false");
  expect_usage(std::string(kSmall) +
                   "schedule: linear_schedule\nschedule_arguments: [1, 0, 4]\nschedule_iters: 9\n",
               "--schedule-iters is no option of schedule linear_schedule");
  expect_usage(std::string(kSmall) + "schedule: cosine\nschedule_arguments: [1, 0, 4]\n",
               "--schedule-arguments are no option of schedule cosine");
  expect_usage(
      std::string(kSmall) + "schedule: step_decay\nschedule_arguments: [1, 1, 4]\nmin_lr: 1\n",
      "--min-lr is no option of schedule step_decay");
  expect_refused(train_with("- a\n"), 1, "c.yaml: it is no map of settings");
  expect_refused(train_with("a: 1\n\tb: 2\n"), 1, "c.yaml:2: a tab");
  expect_refused(run({"lora", "--config", "none.yaml"}), 1, "none.yaml");
  expect_refused(run({"lora", "--config", "model"}), 1, "model.checkpoints");
  // Nothing of it left anything behind.
  EXPECT_FALSE(fs::exists(folder_ / "adapters.run"));
}

TEST_F(ConfigOption, AFolderThatCannotBeReadIsNamed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads every folder";
  fs::create_directory(folder_ / "closed");
  fs::permissions(folder_ / "closed", fs::perms::none);
  expect_refused(run({"lora", "--config", "closed"}), 1, "cannot read the folder closed: ");
  fs::permissions(folder_ / "closed", fs::perms::owner_all);
}

}  // namespace
}  // namespace graft::testing
