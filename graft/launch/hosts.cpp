#include "graft/launch/hosts.h"

#include <fmt/format.h>

#include "graft/base/error.h"
#include "graft/base/json_types.h"

namespace graft::launch {
namespace {

constexpr size_t kLongestFile = size_t{1} << 20;

// What ssh would take for an option, or a shell for more than a word, is no host's name.
void check_name(const std::string& name, const std::string& where) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@%[]";
  if (name.empty() || name.front() == '-' ||
      name.find_first_not_of(kAllowed) != std::string::npos) {
    fail_usage("{}: \"{}\" is no host's name", where, name);
  }
}

Host host_of(const json& entry, const std::string& where) {
  if (!entry.is_object() || !entry.contains("ssh") || !entry["ssh"].is_string()) {
    fail_usage("{} is no host such as {{\"ssh\": \"node-1\", \"ips\": [\"10.0.0.1\"]}}", where);
  }
  Host host{entry["ssh"].get<std::string>()};
  check_name(host.ssh, where);
  const json addresses = entry.value("ips", json::array());
  if (!addresses.is_array()) fail_usage("{}: ips is no list", where);
  for (const json& address : addresses) {
    if (!address.is_string()) fail_usage("{}: an address is no text", where);
    host.addresses.push_back(address.get<std::string>());
    check_name(host.addresses.back(), where);
  }
  return host;
}

}  // namespace

Hosts read_hosts(const fs::path& file) {
  const json content = json::parse(read_text(file, kLongestFile), nullptr, false);
  Hosts hosts;
  json entries = content;
  if (content.is_object()) {
    entries = content.value("hosts", json());
    const json backend = content.value("backend", json("")),
               all = content.value("envs", json::array());
    if (!backend.is_string() || !all.is_array()) {
      fail_usage("{}: backend is a text and envs is a list", file.string());
    }
    hosts.backend = backend.get<std::string>();
    for (const json& variable : all) {
      if (!variable.is_string()) fail_usage("{}: one of envs is no text", file.string());
      hosts.environment.push_back(variable.get<std::string>());
    }
  }
  if (!entries.is_array() || entries.empty()) {
    fail_usage("{} is no host file: a list of {{\"ssh\": ..., \"ips\": [...]}}", file.string());
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    hosts.all.push_back(host_of(entries[i], fmt::format("{}: host {}", file.string(), i)));
  }
  return hosts;
}

std::vector<Host> hosts_of(const std::string& list, int each) {
  std::vector<Host> hosts;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const Host host{list.substr(begin, end - begin)};
    check_name(host.ssh, "hosts");
    hosts.insert(hosts.end(), static_cast<size_t>(each), host);
    begin = end + 1;
  }
  return hosts;
}

bool is_this_machine(const Host& host) {
  return host.ssh.empty() || host.ssh == "127.0.0.1" || host.ssh == "localhost" ||
         host.ssh == "::1";
}

}  // namespace graft::launch
