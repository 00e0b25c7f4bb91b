#include "graft/hub/card.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "graft/base/error.h"
#include "graft/hub/address.h"
#include "graft/hub/card_metadata.h"

namespace graft::hub {
namespace {

// What an original's card says that is true of what is made from it too.
constexpr std::array kInherited = {"license", "license_name", "license_link", "language"};

constexpr const char* kGeneratedMark =
    "<!-- Written by graft, and anew by its next upload: without this line the text stays. -->";

const char* relation_name(Relation relation) {
  switch (relation) {
    case Relation::quantized:
      return "quantized";
    case Relation::finetune:
      return "finetune";
    case Relation::adapter:
      return "adapter";
    case Relation::converted:
      break;
  }
  return nullptr;
}

// A text in JSON's quotes, which are YAML's too.
std::string quoted(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

void add_item(std::string& yaml, const std::string& key, const CardValue& values) {
  if (values.items.empty()) return;
  if (!values.is_list) {
    yaml += fmt::format("{}: {}\n", key, quoted(values.items.front()));
    return;
  }
  yaml += key + ":\n";
  for (const std::string& value : values.items) yaml += "- " + quoted(value) + "\n";
}

// An address on the web, or a file of the repository: no other scheme.
bool is_link(const std::string& text) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("/._-~%?=&+,@#:").find(c) != std::string_view::npos;
  };
  if (text.empty() || !std::all_of(text.begin(), text.end(), allowed)) return false;
  if (text.starts_with("https://") || text.starts_with("http://")) return true;
  return text.find(':') == std::string::npos && text.front() != '/';
}

std::string front_matter(const CardFacts& facts, FrontEnd& front_end) {
  const CardMetadata original = card_metadata(facts.original.value_or(""), front_end);
  std::string yaml = "---\nlibrary_name: mlx\npipeline_tag: text-generation\n";
  add_item(yaml, "tags", {{"mlx", "graft"}, true});
  if (const auto& origin = facts.provenance.origin) {
    add_item(yaml, "base_model", {{origin->repository}, false});
    if (const char* relation = relation_name(facts.relation)) {
      add_item(yaml, "base_model_relation", {{relation}, false});
    }
  }
  for (const char* key : kInherited) {
    const auto found = original.find(key);
    if (found == original.end()) continue;
    const std::vector<std::string>& items = found->second.items;
    const bool links = std::string_view(key) == "license_link";
    if (!links || std::all_of(items.begin(), items.end(), is_link))
      add_item(yaml, key, found->second);
  }
  CardValue datasets{{}, true};
  if (const auto found = original.find("datasets"); found != original.end()) {
    datasets.items = found->second.items;
  }
  for (const std::string& own : facts.provenance.datasets) {
    if (std::find(datasets.items.begin(), datasets.items.end(), own) == datasets.items.end()) {
      datasets.items.push_back(own);
    }
  }
  add_item(yaml, "datasets", datasets);
  return yaml + "---\n";
}

// A text that somebody else may have written, as a table cell: no markup, no addresses.
std::string plain(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                      std::string_view(" .,:;+-%=_()'").find(c) != std::string_view::npos;
    result += kept ? c : ' ';
  }
  return result;
}

// Whether a text is a graft command that a shell reads as one command.
bool is_plain_command(const std::string& text) {
  return text.starts_with("graft ") && std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  std::string_view(" ./_:,@=+-").find(c) != std::string_view::npos;
         });
}

std::string beginning(const CardFacts& facts) {
  const char* what = facts.relation == Relation::adapter ? "LoRA adapter" : "model";
  std::string text = fmt::format("\n# {}\n\n", facts.target.name);
  const auto& origin = facts.provenance.origin;
  if (!origin)
    return text + fmt::format("A {} for MLX, made with graft " GRAFT_VERSION ".\n", what);
  const std::string at =
      is_commit(origin->commit) ? fmt::format(" (commit `{}`)", origin->commit.substr(0, 12)) : "";
  return text + fmt::format(
                    "This {} was made from [{}](https://huggingface.co/{}){} with graft "
                    "" GRAFT_VERSION ".\n",
                    what, origin->repository, origin->repository, at);
}

std::string making(const io::Provenance& provenance) {
  std::string text = "\n## How it was made\n";
  for (const io::HistoryEntry& step : provenance.steps) {
    // A program that uses the library may have no command. If a step's command is not graft's own,
    // its facts are not shown either.
    if (!step.command.empty()) {
      if (!is_plain_command(step.command)) continue;
      text += fmt::format("\n```\n{}\n```\n", step.command);
    }
    if (step.facts.empty()) continue;
    text += "\n| | |\n|---|---|\n";
    for (const auto& [name, value] : step.facts) {
      text += fmt::format("| {} | {} |\n", plain(name), plain(value));
    }
  }
  return provenance.steps.empty() ? "" : text;
}

std::string use(const CardFacts& facts) {
  const std::string& name = facts.target.name;
  if (facts.relation == Relation::adapter) {
    const std::string base =
        facts.provenance.origin ? facts.provenance.origin->repository : "BASE_MODEL";
    return fmt::format(
        "\n## How to use it\n\nDownload `{0}`, then with graft:\n\n```\n"
        "graft generate --model {1} --adapter-file {0} --prompt \"Hello\"\n```\n",
        plain(facts.adapter_file), base);
  }
  return fmt::format(
      "\n## How to use it\n\nWith graft:\n\n```\ngraft generate --model {0} --prompt "
      "\"Hello\"\n```\n"
      "\nWith mlx-lm:\n\n```\npip install mlx-lm\n"
      "mlx_lm.generate --model {0} --prompt \"Hello\"\n```\n",
      name);
}

}  // namespace

std::string model_card(CardFacts facts, FrontEnd& front_end) {
  // The Hub would refuse an invalid name, or take it for something else.
  auto& [origin, datasets, steps] = facts.provenance;
  if (origin && !Repository::parse(origin->repository)) origin.reset();
  std::erase_if(datasets, [](const std::string& name) { return !Repository::parse(name); });
  return front_matter(facts, front_end) + beginning(facts) + making(facts.provenance) + use(facts) +
         fmt::format("\n{}\n", kGeneratedMark);
}

bool is_generated_card(const std::string& card) {
  return card.find(kGeneratedMark) != std::string::npos;
}

std::optional<std::string> fetch_card(const Environment& environment,
                                      const Repository& repository) {
  Request request;
  request.url = fmt::format("{}/{}/resolve/{}/README.md", environment.endpoint, repository.name,
                            escaped(repository.revision));
  const Response response = Http(environment).send(request);
  check_not_transient(response, fmt::format("the card of {}", repository.name));
  if (response.status / 100 != 2) return std::nullopt;
  return response.body;
}

}  // namespace graft::hub
