// The LibTorch front end is a program of its own that lies beside this one (fluence-torch): what simulates
// neither loads LibTorch nor forks with it mapped, which makes starting workers seven times slower.
#pragma once

#include <stdexcept>
#include <string>

#include "apps/commands.h"

namespace fluence::apps {

// The front end ended with another exit code than 0 and has said why; this program ends with the same.
class FrontEndFailed : public std::runtime_error {
  public:
    explicit FrontEndFailed(int code) : std::runtime_error("the front end failed"), code_(code) {}
    int code() const { return code_; }

  private:
    int code_;
};

// Whether this build has one.
bool has_front_end();

// Runs `fluence-torch COMMAND ARGUMENTS` on our terminal and waits; its exit code, 128 + the signal that
// ended it. InputError where there is no front end.
int run_front_end(const std::string& command, const Arguments& arguments);

// What it prints on its standard output. Throws FrontEndFailed; InputError where there is no front end.
std::string front_end_output(const std::string& command, const Arguments& arguments);

// Commands that the front end does alone.
int run_import(const Arguments& arguments);
int run_train(const Arguments& arguments);

}  // namespace fluence::apps
