// Entry point: finds the subcommand and turns errors into one line and an exit code.
#include <exception>
#include <iostream>

#include "apps/commands.h"
#include "apps/front_end.h"
#include "apps/options.h"
#include "sim/core/error.h"

namespace {

using fluence::apps::Arguments;
using fluence::apps::Command;
using fluence::apps::commands;

void print_help() {
    std::cout << "Usage: fluence COMMAND [OPTIONS]\n\n"
                 "What upsets do to a neural network on an accelerator, and what each protection "
                 "costs.\n\nCommands:\n";
    for (const Command& command : commands()) {
        const std::string name = command.name;
        std::cout << "  " << name << std::string(name.size() < 12 ? 12 - name.size() : 1, ' ')
                  << command.summary << "\n";
    }
    std::cout << "\nfluence COMMAND --help explains one command.\n";
}

int dispatch(const std::string& name, const Arguments& arguments) {
    if (name == "--help" || name == "-h" || name == "help") {
        print_help();
        return 0;
    }
    if (name == "--version") {
        std::cout << fluence::apps::version_line() << "\n";
        return 0;
    }
    std::string valid;
    for (const Command& command : commands()) {
        if (name == command.name) {
            return command.run(arguments);
        }
        valid += (valid.empty() ? "" : ", ") + std::string(command.name);
    }
    throw fluence::InputError("fluence", "", "there is no command \"" + name + "\"", valid);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        print_help();
        return fluence::kInputErrorExitCode;
    }
    try {
        return dispatch(argv[1], Arguments(argv + 2, argv + argc));
    } catch (const fluence::InputError& error) {
        std::cerr << "error: " << error.what() << "\n";
        return fluence::kInputErrorExitCode;
    } catch (const fluence::apps::FrontEndFailed& failed) {
        return failed.code();
    } catch (const std::exception& error) {
        std::cerr << "internal error: " << error.what() << "\n";
        return 1;
    }
}
