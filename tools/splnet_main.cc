// The program: one verb for each thing that it does.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "tools/bulk_verb.h"
#include "tools/drill_verb.h"
#include "tools/replay_verb.h"
#include "tools/sysctl_verb.h"
#include "tools/verb.h"

namespace {

using splnet::kExitUsage;

// One line that says what is wrong and where help is.
int ExplainUsage(const CLI::App& app, const CLI::ParseError& error) {
  std::string where = "splnet";
  for (const CLI::App* verb : app.get_subcommands()) {
    where += " " + verb->get_name();
  }
  std::string what = error.what();
  const std::vector<std::string> unknown = app.remaining();
  if (app.get_subcommands().empty() && !unknown.empty()) {
    what = "there is no '" + unknown.front() + "'";
  }
  for (char& c : what) {
    if (c == '\n') c = ' ';
  }
  std::fprintf(stderr, "%s: %s: see %s --help\n", where.c_str(), what.c_str(),
               where.c_str());
  return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The BSD network stack in one process", "splnet");
  app.require_subcommand(1);
  int status = kExitUsage;
  splnet::AddReplayVerb(app, &status);
  splnet::AddBulkVerb(app, &status);
  splnet::AddDrillVerb(app, &status);
  splnet::AddSysctlVerb(app, &status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help, std::cout, std::cerr);
  } catch (const CLI::ParseError& error) {
    return ExplainUsage(app, error);
  }
  return status;
}
