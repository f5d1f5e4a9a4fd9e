#include "sim/protect/register_code.h"

#include <array>
#include <stdexcept>

#include "sim/protect/memory_code.h"

namespace fluence::protect {
namespace {

std::uint32_t field(const WordBits& bits, int first, int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i) {
        value |= std::uint32_t{bits[static_cast<std::size_t>(first + i)]} << i;
    }
    return value;
}

// One of the memories' codes on a register.
class CodedRegister final : public RegisterCode {
  public:
    CodedRegister(const char* name, const char* code) : name_(name), code_(&memory_code(code)) {}
    const char* name() const override { return name_; }
    int stored_bits(int data_bits) const override { return data_bits + code_->check_bits(data_bits); }
    RegisterVerdict judge(const WordBits& error, int data_bits) const override {
        const Decoded decoded = code_->decode_error(error, data_bits);
        return {field(decoded.residual, 0, data_bits), decoded.corrected, decoded.detected};
    }
    bool detects() const override { return code_->strength().detects > code_->strength().corrects; }
    bool whole_pe() const override { return false; }

  private:
    const char* name_;
    const MemoryCode* code_;
};

class CopiedRegister final : public RegisterCode {
  public:
    CopiedRegister(const char* name, int copies, bool whole_pe)
        : name_(name), copies_(copies), whole_pe_(whole_pe) {}
    const char* name() const override { return name_; }
    int stored_bits(int data_bits) const override { return copies_ * data_bits; }
    RegisterVerdict judge(const WordBits& error, int data_bits) const override {
        const std::uint32_t a = field(error, 0, data_bits);
        if (copies_ == 1) {
            return {a, false, false};
        }
        const std::uint32_t b = field(error, data_bits, data_bits);
        if (copies_ == 2) {
            return {a == b ? a : 0, false, a != b};
        }
        const std::uint32_t c = field(error, 2 * data_bits, data_bits);
        return {(a & b) | (a & c) | (b & c), a != b || a != c, false};
    }
    bool detects() const override { return copies_ == 2; }
    bool whole_pe() const override { return whole_pe_; }

  private:
    const char* name_;
    int copies_;
    bool whole_pe_;
};

using Codes = std::array<const RegisterCode*, 6>;

const Codes& codes() {
    static const CopiedRegister none("none", 1, false);
    static const CodedRegister parity("register-parity", "parity");
    static const CodedRegister secded("register-secded", "secded");
    static const CopiedRegister register_tmr("register-tmr", 3, false);
    static const CopiedRegister tmr("tmr", 3, true);
    static const CopiedRegister dmr("dmr", 2, true);
    static const Codes table = {&none, &parity, &secded, &register_tmr, &tmr, &dmr};
    return table;
}

}  // namespace

const RegisterCode& register_code(const std::string& name) {
    for (const RegisterCode* code : codes()) {
        if (name == code->name()) {
            return *code;
        }
    }
    throw std::out_of_range("there is no register code \"" + name + "\"");
}

std::vector<std::string> register_code_names() {
    std::vector<std::string> names;
    for (const RegisterCode* code : codes()) {
        names.emplace_back(code->name());
    }
    return names;
}

}  // namespace fluence::protect
