#include "apps/commands.h"

namespace fluence::apps {

const std::vector<Command>& commands() {
    static const std::vector<Command> table = {};
    return table;
}

}  // namespace fluence::apps
