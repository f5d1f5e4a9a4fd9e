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
      layers_(script.timeline),
      cycles_(script.timeline.cycles) {}

Cycle Injector::next() const {
    const Cycle strikes = next_ < upsets_.size() ? upsets_[next_].cycle : kNever;
    return held_.empty() || now_ + 1 >= cycles_ ? strikes : std::min(strikes, now_ + 1);
}

void Injector::cycle(Cycle t) {
    now_ = t;
    for (; next_ < upsets_.size() && upsets_[next_].cycle <= t; ++next_) {
        const traces::Upset& upset = upsets_[next_];
        if (upset.held == traces::Held::no) {
            strike(upset);
        } else {
            held_.push_back(upset);
        }
    }
    // Behind the run nothing reads them, and an array whose registers change would never rest.
    if (t >= cycles_) {
        return;
    }
    for (const traces::Upset& held : held_) {
        force(held, t);
    }
}

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
        if (upset.held != traces::Held::no && !traces::is_array_register(upset.site)) {
            throw InputError(workload.config.name, key + ".held",
                             std::string("does not go with ") + name_of(upset.site),
                             "registers of the PE array");
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
protect::RegisterPart Injector::codec_of(const traces::Upset& upset, Cycle t) const {
    const ArrayConfig& array_config = workload_.config.array;
    const auto role = dataflow::register_role(array_config, upset.site);
    if (!role) {
        return {};
    }
    const std::int64_t column = dataflow::first_column_served(array_config, upset.site, upset.unit);
    if (layers_.any()) {
        const std::string& layer = workload_.graph.layer(layers_.at(t)).name;
        if (!protect::is_checked(workload_.policy, column, array_config.cols, layer)) {
            return {};
        }
    }
    return protect::register_part(workload_.policy, *role, column, array_config.cols);
}

// The codec of a register stands beside it: what an upset inverts is judged at once, and what passes it is
// what the array computes with.
void Injector::judge(const traces::Upset& upset, const WordBits& error, int bits,
                     const protect::RegisterPart& part, Cycle t) {
    const protect::RegisterVerdict verdict = protect::register_code(part.code).judge(error, bits);
    if (verdict.corrected) {
        alarm->register_corrected();
    }
    if (verdict.detected) {
        // A bit that is held would be wrong again when the work is computed again.
        const bool permanent = upset.held != traces::Held::no;
        alarm->register_error(permanent ? protect::RegisterAction::abort : part.on_due, t);
    } else if (verdict.residual != 0) {
        array->flip(upset.site, upset.unit, verdict.residual);
    }
}

void Injector::strike_register(const traces::Upset& upset) {
    const dataflow::RegisterBank bank = *dataflow::register_bank(workload_.config.array, upset.site);
    const protect::RegisterPart part = codec_of(upset, upset.cycle);
    const int stored = protect::register_code(part.code).stored_bits(bank.bits);
    judge(upset, upset.bits & ~(WordBits().set() << static_cast<std::size_t>(stored)), bank.bits, part,
          upset.cycle);
}

// Of the register itself: check bits and further copies are right.
void Injector::force(const traces::Upset& held, Cycle t) {
    const dataflow::RegisterBank bank = *dataflow::register_bank(workload_.config.array, held.site);
    const WordBits mask = held.bits & ~(WordBits().set() << static_cast<std::size_t>(bank.bits));
    const WordBits value = held.held == traces::Held::at_1 ? mask : WordBits();
    const WordBits error = (WordBits(array->read(held.site, held.unit)) ^ value) & mask;
    if (error.any()) {
        judge(held, error, bank.bits, codec_of(held, t), t);
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
