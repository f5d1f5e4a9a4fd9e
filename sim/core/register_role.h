// What a register of a PE holds, as far as protection tells registers apart.
#pragma once

#include <array>
#include <string>

namespace fluence {

enum class RegisterRole {
    weight,
    activation,
    psum,  // partial sums wherever they stand: moving, accumulating, in pipeline stages, on their way out
};
inline constexpr int kRegisterRoleCount = 3;
inline constexpr std::array<RegisterRole, kRegisterRoleCount> kRegisterRoles = {
    RegisterRole::weight, RegisterRole::activation, RegisterRole::psum};
constexpr std::size_t index_of(RegisterRole role) {
    return static_cast<std::size_t>(role);
}
const char* name_of(RegisterRole role);                     // "weight", "activation", "psum"
RegisterRole register_role_named(const std::string& name);  // throws std::out_of_range for an unknown name

}  // namespace fluence
