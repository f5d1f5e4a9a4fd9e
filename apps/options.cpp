#include "apps/options.h"

#include <iostream>
#include <sstream>

#include "sim/core/error.h"

namespace fluence::apps {

std::vector<std::string> comma_separated(const std::string& list) {
    std::vector<std::string> words;
    std::istringstream stream(list);
    for (std::string word; std::getline(stream, word, ',');) {
        words.push_back(word);
    }
    return words;
}

std::string version_line() {
    return std::string("fluence ") + FLUENCE_VERSION;
}

std::optional<po::variables_map> parse_options(const std::string& command, const std::string& usage,
                                               po::options_description& options,
                                               const std::vector<std::string>& positional,
                                               const Arguments& arguments, const std::string& examples) {
    options.add_options()("help,h", "print this help")("version", "print the version");
    po::positional_options_description bare;
    for (const std::string& name : positional) {
        const bool takes_the_rest = options.find(name, false).semantic()->is_composing();
        bare.add(name.c_str(), takes_the_rest ? -1 : 1);
    }
    po::variables_map values;
    try {
        po::store(po::command_line_parser(arguments).options(options).positional(bare).run(), values);
        if (values.count("help") != 0) {
            std::cout << "Usage: fluence " << command << " " << usage << "\n\n" << options;
            if (!examples.empty()) {
                std::cout << "\nExamples:\n" << examples;
            }
            return std::nullopt;
        }
        if (values.count("version") != 0) {
            std::cout << version_line() << "\n";
            return std::nullopt;
        }
        po::notify(values);
    } catch (const po::error& error) {
        throw InputError("fluence " + command, "", error.what(), "see fluence " + command + " --help");
    }
    return values;
}

}  // namespace fluence::apps
