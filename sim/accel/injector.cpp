#include "sim/accel/injector.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>

#include "sim/core/error.h"
#include "sim/dataflow/registers.h"
#include "sim/dataflow/unit_state.h"
#include "sim/protect/ppe.h"
#include "sim/protect/register_code.h"

namespace fluence::accel {
namespace {

using traces::SiteKind;

struct MemorySite {
    Memory memory{};
    int word_bits = 0;
    std::int64_t words = 0;
};

std::optional<MemorySite> memory_of(const Workload& workload, SiteKind site) {
    const auto of = [](Memory memory, const BufferConfig& buffer) {
        return MemorySite{memory, buffer.word_bits, buffer.size.count() / buffer.word_bytes()};
    };
    const AcceleratorConfig& config = workload.config;
    switch (site) {
        case SiteKind::weight_buffer:
            return of(Memory::weight_buffer, config.weight_buffer);
        case SiteKind::activation_buffer:
            return of(Memory::activation_buffer, config.activation_buffer);
        case SiteKind::output_buffer:
            return of(Memory::output_buffer, config.output_buffer);
        case SiteKind::dram:
            return MemorySite{Memory::dram, config.dram.word_bits, workload.map.words()};
        default:
            return std::nullopt;
    }
}

std::optional<dataflow::RegisterBank> unit_bank(const Workload& workload, SiteKind site) {
    return dataflow::unit_bank(workload.graph, workload.config, unit_parts(workload), site);
}

}  // namespace

Injector::Injector(const sc_core::sc_module_name& name, const Script& script)
    : sc_module(name),
      array("array"),
      alarm("alarm"),
      checksum("checksum"),
      vector_unit("vector_unit"),
      dram("dram"),
      weight_buffer("weight_buffer"),
      activation_buffer("activation_buffer"),
      output_buffer("output_buffer"),
      workload_(script.workload),
      layers_(script.timeline) {}

void Injector::check(const Workload& workload, const std::vector<traces::Upset>& upsets) {
    for (std::size_t i = 0; i < upsets.size(); ++i) {
        const traces::Upset& upset = upsets[i];
        const std::string key = "upsets[" + std::to_string(i) + "]";
        const auto memory = memory_of(workload, upset.site);
        auto bank = dataflow::register_bank(workload.config.array, upset.site);
        bank = bank ? bank : unit_bank(workload, upset.site);
        if (!memory && !bank) {
            throw InputError(workload.config.name, key + ".site",
                             std::string("is ") + name_of(upset.site) + ", which this machine does not have");
        }
        const std::int64_t units = memory ? memory->words : bank->units;
        if (upset.unit < 0 || upset.unit >= units) {
            throw InputError(workload.config.name, key + ".unit",
                             "is " + std::to_string(upset.unit) + ": " + name_of(upset.site) + " has " +
                                 std::to_string(units),
                             "0 … " + std::to_string(units - 1));
        }
        if (upset.cycle < 0) {
            throw InputError(workload.config.name, key + ".cycle", "is " + std::to_string(upset.cycle),
                             "0 and above");
        }
    }
}

void Injector::attach(const std::vector<traces::Upset>& upsets) {
    check(workload_, upsets);
    // State of the request is no part of the machine in one run.
    std::copy_if(upsets.begin(), upsets.end(), std::back_inserter(upsets_),
                 [](const traces::Upset& upset) { return !traces::is_request_state(upset.site); });
    std::stable_sort(upsets_.begin() + static_cast<std::ptrdiff_t>(next_), upsets_.end(),
                     [](const traces::Upset& a, const traces::Upset& b) { return a.cycle < b.cycle; });
}

// The split is a register of the controller, which says which codecs look at their registers.
protect::RegisterPart Injector::codec_of(const traces::Upset& upset) const {
    const ArrayConfig& array_config = workload_.config.array;
    const auto role = dataflow::register_role(array_config, upset.site);
    if (!role) {
        return {};
    }
    const std::int64_t column = dataflow::first_column_served(array_config, upset.site, upset.unit);
    if (layers_.any()) {
        const std::string& layer = workload_.graph.layer(layers_.at(upset.cycle)).name;
        if (!protect::is_checked(workload_.policy, column, array_config.cols, layer)) {
            return {};
        }
    }
    return protect::register_part(workload_.policy, *role, column, array_config.cols);
}

// The codec of a register stands beside it: what an upset inverts is judged at once, and what passes it is
// what the array computes with.
void Injector::strike_register(const traces::Upset& upset) {
    const dataflow::RegisterBank bank = *dataflow::register_bank(workload_.config.array, upset.site);
    const protect::RegisterPart part = codec_of(upset);
    const protect::RegisterCode& code = protect::register_code(part.code);
    WordBits error;
    for (std::size_t i = 0; i < static_cast<std::size_t>(code.stored_bits(bank.bits)); ++i) {
        error[i] = upset.bits[i];
    }
    const protect::RegisterVerdict verdict = code.judge(error, bank.bits);
    if (verdict.corrected) {
        alarm->register_corrected();
    }
    if (verdict.detected) {
        alarm->register_error(part.on_due, upset.cycle);
    } else if (verdict.residual != 0) {
        array->flip(upset.site, upset.unit, verdict.residual);
    }
}

void Injector::strike_unit(const traces::Upset& upset, const dataflow::RegisterBank& bank) {
    const WordBits present = upset.bits & ~(WordBits().set() << static_cast<std::size_t>(bank.bits));
    const bool in_column = bank.kind == SiteKind::checksum_weight ||
                           bank.kind == SiteKind::checksum_activation ||
                           bank.kind == SiteKind::checksum_product || bank.kind == SiteKind::checksum_psum ||
                           bank.kind == SiteKind::checksum_sum;
    (in_column ? checksum : vector_unit)->flip_state(bank.kind, upset.unit, present);
}

void Injector::strike(const traces::Upset& upset) {
    const auto memory = memory_of(workload_, upset.site);
    if (const auto bank = unit_bank(workload_, upset.site)) {
        return strike_unit(upset, *bank);
    }
    if (!memory) {
        return strike_register(upset);
    }
    const std::array<Cells*, kMemoryCount> memories = {dram.operator->(), weight_buffer.operator->(),
                                                       activation_buffer.operator->(),
                                                       output_buffer.operator->()};
    Cells* cells = memories[index_of(memory->memory)];
    const int bits = protect::stored_bits(workload_.policy, memory->memory, memory->word_bits);
    const std::int64_t bytes = (bits + 7) / 8;  // of a stored word (WordCodec)
    const int present =
        memory->memory == Memory::dram && dram_words_ != nullptr ? dram_words_->cells(upset.unit) : bits;
    for (int byte = 0; byte < bytes; ++byte) {
        unsigned mask = 0;
        for (int i = 8 * byte; i < std::min(present, 8 * byte + 8); ++i) {
            mask |= unsigned{upset.bits[static_cast<std::size_t>(i)]} << (i % 8);
        }
        if (mask != 0) {
            cells->flip(upset.unit * bytes + byte, static_cast<std::uint8_t>(mask));
        }
    }
}

}  // namespace fluence::accel
