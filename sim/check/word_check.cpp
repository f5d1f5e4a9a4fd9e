#include "sim/check/word_check.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

#include "sim/accel/machine.h"
#include "sim/campaign/workers.h"
#include "sim/check/draw.h"
#include "sim/core/error.h"
#include "sim/words/machine_check.h"
#include "sim/words/resolver.h"
#include "sim/words/stepped_machine.h"
#include "workloads/random_words.h"

namespace fluence::check {
namespace {

using workloads::Word;
using workloads::WordFormat;
using workloads::Words;

// Any convention of arrays with central control, with the widths of the format.
AcceleratorConfig draw_word_machine(RandomStream& random, WordFormat format) {
    AcceleratorConfig config = draw_machine(random);
    Draw draw(random);
    ArrayConfig& array = config.array;
    array.format = words::machine_format(format);
    array.control = ArrayControl::central;
    const StoredWidths widths = stored_widths(array.format);
    const int word = 8 * widths.operand;
    array.operand_bits = word;
    array.accumulator_bits = is_float(array.format) ? 32
                             : draw.chance(2)       ? (word == 16 ? 48 : 80)
                                                    : draw.between(5 * word / 2, 4 * word);
    array.overflow = is_float(array.format) ? Overflow::wrap : array.overflow;
    const auto widen = [&](BufferConfig& buffer, int least) {
        buffer.word_bits = std::max(buffer.word_bits, least);
        buffer.size = Bytes(std::int64_t{2} * buffer.word_bytes() * draw.between(24, 120));
    };
    config.dram.word_bits = std::max(config.dram.word_bits, word);
    config.dram.row_bytes = config.dram.row_bytes > 0 ? 8 * config.dram.word_bytes() : 0;
    config.dram.burst_bytes = config.dram.burst_bytes > 0 ? 2 * config.dram.word_bytes() : 0;
    widen(config.weight_buffer, word);
    widen(config.activation_buffer, word);
    config.output_buffer.word_bits = 8 * widths.sum * (draw.chance(2) && widths.sum < 16 ? 2 : 1);
    widen(config.output_buffer, 8 * widths.sum);
    return config;
}

// Both fidelities of one machine with its network and image.
class Fidelities {
  public:
    // Keeps references.
    Fidelities(const WordSetup& setup, const traces::Timeline& timeline)
        : setup_(setup),
          values_(arith::make_word_values(setup.graph, words::machine_order(setup.graph, setup.config))),
          resolver_(setup.graph, setup.config, setup.policy, timeline),
          stepped_(setup.graph, setup.config, setup.policy, timeline) {
        values_->load(setup.image);
        for (std::size_t t = 0; t < setup.graph.structure.tensors.size(); ++t) {
            golden_.push_back(values_->golden(tensor_id(t)));
        }
    }

    // What differs; empty: nothing. Counts the case.
    std::string compare(const UpsetList& upsets, WordTally& tally) {
        const words::SteppedWordMachine::Run stepped = stepped_.run(setup_.image, upsets);
        std::vector<Words> tensors = golden_;
        const auto take = [&](LayerId layer, const std::vector<std::int64_t>& elements) {
            const TensorId output = setup_.graph.structure.layer(layer).output;
            for (const std::int64_t e : elements) {
                tensors[index_of(output)][static_cast<std::size_t>(e)] = values_->now(output, e);
            }
        };
        const words::WordResolution resolution = resolver_.resolve(upsets, *values_, take);
        const bool changed = resolution.run.changed_values > 0 || resolution.run.changed_logits;
        tally.cases += 1;
        tally.upsets += static_cast<std::int64_t>(upsets.size());
        tally.changed += changed ? 1 : 0;
        tally.corrected += stepped.corrected ? 1 : 0;
        tally.detected += stepped.detected ? 1 : 0;
        tally.aborted += stepped.aborted ? 1 : 0;
        std::string flags = flag_difference(resolution, stepped);
        if (!flags.empty() || stepped.aborted) {
            return flags;
        }
        if (changed && resolution.dead != fault::DeadReason::none) {
            return "values change, and the upsets are called dead";
        }
        return difference(tensors, stepped);
    }

  private:
    static std::string flag_difference(const words::WordResolution& tile,
                                       const words::SteppedWordMachine::Run& real) {
        for (const auto& [name, of_tile, of_real] : {std::tuple{"corrected", tile.corrected, real.corrected},
                                                     {"detected", tile.detected, real.detected},
                                                     {"aborted", tile.aborted, real.aborted}}) {
            if (of_tile != of_real) {
                return std::string(name) + ": tile level " + (of_tile ? "yes" : "no") + ", register-true " +
                       (of_real ? "yes" : "no");
            }
        }
        return tile.ended == real.ended ? ""
                                        : "aborted in cycle: tile level " + std::to_string(tile.ended) +
                                              ", register-true " + std::to_string(real.ended);
    }

    std::string difference(const std::vector<Words>& tensors,
                           const words::SteppedWordMachine::Run& stepped) const {
        const workloads::Graph& structure = setup_.graph.structure;
        for (const workloads::Layer& layer : structure.layers) {
            const bool logits = layer.output == structure.logits;
            const Words& tile = tensors[index_of(layer.output)];
            const Words& real = logits ? stepped.logits : stepped.tensors[index_of(layer.output)];
            for (std::size_t e = 0; e < tile.size(); ++e) {
                if (layer.kind != workloads::OpKind::flatten && tile[e] != real.at(e)) {
                    return "layer \"" + layer.name + "\", output " + std::to_string(e) + ": tile level " +
                           std::to_string(tile[e]) + ", register-true " + std::to_string(real[e]);
                }
            }
        }
        return "";
    }

    const WordSetup& setup_;
    std::unique_ptr<arith::WordValues> values_;
    std::vector<Words> golden_;
    words::WordResolver resolver_;
    words::SteppedWordMachine stepped_;
};

traces::Timeline timeline_of(const WordSetup& setup) {
    return accel::time_machine(workloads::stored_structure(setup.graph), setup.config, setup.policy);
}

// A machine of the sequence, its network and image, and the upsets of its cases, one list after the other.
class DrawnMachine {
  public:
    DrawnMachine(const WordCheckOptions& options, std::int64_t number)
        : random_(options.seed, RandomPurpose::testing, static_cast<std::uint64_t>(number)) {
        const WordFormat format = options.formats[static_cast<std::size_t>(number) % options.formats.size()];
        do {
            setup_.graph = workloads::random_word_graph(format, random_);
            setup_.image = workloads::random_word_image(setup_.graph, random_);
            setup_.config = draw_word_machine(random_, format);
            setup_.policy = random_.below(2) == 0 ? protect::Policy() : draw_word_policy(random_);
        } while (!runs());
        struck_ = {workloads::stored_structure(setup_.graph), {}, setup_.config, setup_.policy, 0};
        draw_.emplace(struck_, *timeline_);
    }
    DrawnMachine(const DrawnMachine&) = delete;  // the draw refers to it
    DrawnMachine& operator=(const DrawnMachine&) = delete;

    const WordSetup& setup() const { return setup_; }
    const traces::Timeline& timeline() const { return *timeline_; }
    std::int64_t refused() const { return refused_; }

    UpsetList draw_upsets() {
        UpsetList list = draw_->list(random_);
        const std::vector<fault::SiteClass>& classes = draw_->sites();
        for (traces::Upset& upset : list) {
            const auto site = std::find_if(classes.begin(), classes.end(),
                                           [&](const auto& c) { return c.kind == upset.site; });
            const auto cut = static_cast<std::size_t>(kMaxWordBits - site->bits);
            upset.bits = upset.bits << cut >> cut;
            upset.held = traces::Held::no;
        }
        return list;
    }

  private:
    bool runs() {
        try {
            setup_.config = parse_accelerator(to_json(setup_.config), "drawn");
            words::check_machine(setup_.graph, setup_.config, setup_.policy);
            timeline_ = timeline_of(setup_);
            return true;
        } catch (const InputError&) {
            ++refused_;
            return false;
        }
    }

    RandomStream random_;
    WordSetup setup_;
    std::int64_t refused_ = 0;
    std::optional<traces::Timeline> timeline_;
    Setup struck_;  // the machine and its stored structure, as upsets are drawn on them
    std::optional<UpsetDraw> draw_;
};

nlohmann::json json_of(const WordReport& report) {
    nlohmann::json value = {{"cases", report.tally.cases},       {"upsets", report.tally.upsets},
                            {"changed", report.tally.changed},   {"corrected", report.tally.corrected},
                            {"detected", report.tally.detected}, {"aborted", report.tally.aborted},
                            {"refused", report.tally.refused},   {"mismatches", nlohmann::json::array()}};
    for (const WordMismatch& mismatch : report.mismatches) {
        value["mismatches"].push_back({mismatch.number, mismatch.difference});
    }
    return value;
}

void add(const nlohmann::json& value, WordReport& sum) {
    sum.tally.cases += value.at("cases").get<std::int64_t>();
    sum.tally.upsets += value.at("upsets").get<std::int64_t>();
    sum.tally.changed += value.at("changed").get<std::int64_t>();
    sum.tally.corrected += value.at("corrected").get<std::int64_t>();
    sum.tally.detected += value.at("detected").get<std::int64_t>();
    sum.tally.aborted += value.at("aborted").get<std::int64_t>();
    sum.tally.refused += value.at("refused").get<std::int64_t>();
    for (const nlohmann::json& mismatch : value.at("mismatches")) {
        sum.mismatches.push_back({mismatch.at(0).get<std::int64_t>(), mismatch.at(1).get<std::string>()});
    }
}

}  // namespace

WordCase word_case(const WordCheckOptions& options, std::int64_t number) {
    DrawnMachine machine(options, number / kWordCasesPerMachine);
    UpsetList upsets;
    for (std::int64_t i = 0; i <= number % kWordCasesPerMachine; ++i) {
        upsets = machine.draw_upsets();
    }
    return {machine.setup(), std::move(upsets)};
}

std::string compare_words(const WordCase& one) {
    const traces::Timeline timeline = timeline_of(one.setup);
    WordTally tally;
    return Fidelities(one.setup, timeline).compare(one.upsets, tally);
}

WordReport check_word_machine(const WordCheckOptions& options, std::int64_t number) {
    DrawnMachine machine(options, number);
    Fidelities fidelities(machine.setup(), machine.timeline());
    WordReport report;
    report.tally.refused = machine.refused();
    const std::int64_t first = number * kWordCasesPerMachine;
    for (std::int64_t i = first; i < std::min(options.cases, first + kWordCasesPerMachine); ++i) {
        const UpsetList upsets = machine.draw_upsets();
        const std::string difference = fidelities.compare(upsets, report.tally);
        if (!difference.empty()) {
            report.mismatches.push_back({i, difference});
        }
    }
    return report;
}

WordReport run_word_check(const WordCheckOptions& options) {
    std::vector<std::int64_t> machines(
        static_cast<std::size_t>((options.cases + kWordCasesPerMachine - 1) / kWordCasesPerMachine));
    std::iota(machines.begin(), machines.end(), 0);
    WordReport report;
    campaign::WorkerCallbacks callbacks;
    callbacks.start = [&options] {
        return
            [&options](std::int64_t machine) { return json_of(check_word_machine(options, machine)).dump(); };
    };
    callbacks.done = [&](std::int64_t, const std::string& bytes) {
        add(nlohmann::json::parse(bytes), report);
        if (options.progress) {
            options.progress(report.tally.cases, options.cases);
        }
    };
    callbacks.stop = [&] { return options.stop != nullptr && options.stop->load(); };
    campaign::run_in_workers(campaign::workers_or_processors(options.jobs), machines, callbacks,
                             "fluence selfcheck");
    std::sort(report.mismatches.begin(), report.mismatches.end(),
              [](const WordMismatch& a, const WordMismatch& b) { return a.number < b.number; });
    return report;
}

}  // namespace fluence::check
