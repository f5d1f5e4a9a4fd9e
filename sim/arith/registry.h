// The table of number formats of graphs of words. A new one is a file with a format (word_formats.h) and a
// row here and in workloads/number_formats.cpp.
#pragma once

#include <memory>
#include <vector>

#include "sim/arith/word_values.h"

namespace fluence::arith {

struct WordFormatRow {
    workloads::WordFormat format;
    std::unique_ptr<WordValues> (*make)(const workloads::WordGraph& graph, const MachineOrder& order);
};
const std::vector<WordFormatRow>& word_format_engines();

// The rows' functions.
std::unique_ptr<WordValues> make_fp32(const workloads::WordGraph& graph, const MachineOrder& order);
std::unique_ptr<WordValues> make_bf16(const workloads::WordGraph& graph, const MachineOrder& order);
std::unique_ptr<WordValues> make_fxp16(const workloads::WordGraph& graph, const MachineOrder& order);
std::unique_ptr<WordValues> make_fxp32(const workloads::WordGraph& graph, const MachineOrder& order);

}  // namespace fluence::arith
