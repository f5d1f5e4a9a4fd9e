#include "sim/core/register_role.h"

#include <stdexcept>

namespace fluence {

const char* name_of(RegisterRole role) {
    switch (role) {
        case RegisterRole::weight:
            return "weight";
        case RegisterRole::activation:
            return "activation";
        case RegisterRole::psum:
            return "psum";
    }
    return "";
}

RegisterRole register_role_named(const std::string& name) {
    for (const RegisterRole role : kRegisterRoles) {
        if (name == name_of(role)) {
            return role;
        }
    }
    throw std::out_of_range(name);
}

}  // namespace fluence
