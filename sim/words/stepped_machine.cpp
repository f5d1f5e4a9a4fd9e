#include "sim/words/stepped_machine.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "sim/words/coded_memory.h"
#include "sim/words/machine_check.h"
#include "sim/words/stepped_array.h"
#include "sim/words/stepped_dma.h"
#include "sim/words/stepped_image.h"
#include "sim/words/stepped_memory.h"
#include "sim/words/stepped_script.h"
#include "sim/words/stepped_vector_unit.h"

namespace fluence::words {

using traces::SiteKind;
using traces::Upset;

struct SteppedWordMachine::Impl {
    SteppedScript script;
};

namespace {

CodedMemory memory_of(const SteppedScript& script, Memory memory, const BufferConfig& buffer,
                      DecoderLog& log) {
    return {buffer.size.count() / buffer.word_bytes(), static_cast<int>(buffer.word_bytes()),
            script.policy.memory[index_of(memory)], log};
}

// The state of one inference.
class Inference {
  public:
    Inference(const SteppedScript& script, const Words& image)
        : script_(script),
          dram_(script.map.words(), script.map.word_bytes(), script.policy.memory[index_of(Memory::dram)],
                decoders_),
          weights_(memory_of(script, Memory::weight_buffer, script.config.weight_buffer, decoders_)),
          activations_(
              memory_of(script, Memory::activation_buffer, script.config.activation_buffer, decoders_)),
          sums_(memory_of(script, Memory::output_buffer, script.config.output_buffer, decoders_)),
          array_(script, weights_, activations_, sums_),
          vector_unit_(script, activations_, sums_),
          dma_(script, dram_, weights_, activations_, vector_unit_) {
        SteppedMemory contents(script.map.words(), script.map.word_bytes());
        put_image(script, image, contents);
        for (std::int64_t word = 0; word < script.map.words(); ++word) {
            dram_.put(word, contents.word(word));
        }
    }

    // `upsets` by cycle.
    void go(const std::vector<const Upset*>& upsets) {
        auto upset = upsets.begin();
        const auto next = [&] {
            const Cycle struck = upset != upsets.end() ? (*upset)->cycle : kNever;
            return std::min({array_.next(), dma_.next(), vector_unit_.next(), struck});
        };
        // The last words arrive at the edge that ends the last cycle.
        for (Cycle t = next(); t <= script_.timeline.cycles && t <= last_edge(); t = next()) {
            array_.edge(t);
            vector_unit_.edge(t);
            dma_.edge(t);
            for (; upset != upsets.end() && (*upset)->cycle == t; ++upset) {
                strike(**upset);
            }
            dma_.cycle(t);
            vector_unit_.cycle(t);
        }
    }

    SteppedWordMachine::Run result(const Words& image) {
        SteppedWordMachine::Run run;
        if (!decoders_.aborted()) {
            run.logits = words_of(script_, script_.structure.logits, [&](std::int64_t first, int bytes) {
                return dram_.read(script_.timeline.cycles, first, bytes);
            });
        }
        if (decoders_.aborted()) {  // before the host read, or by what it read
            run.logits.clear();
            run.aborted = true;
            run.ended = decoders_.ended();
        }
        run.corrected = decoders_.corrected();
        run.detected = decoders_.detected();
        const SteppedMemory& finished = vector_unit_.finished();
        for (std::size_t t = 0; t < script_.structure.tensors.size(); ++t) {
            const bool given = script_.layouts[t].stored() == script_.structure.input;
            run.tensors.push_back(given ? image
                                        : words_of(script_, tensor_id(t), [&](std::int64_t first, int bytes) {
                                              return finished.read(first, bytes);
                                          }));
        }
        return run;
    }

  private:
    // Reads of the cycle in which the machine aborts, behind the slowest decoder.
    Cycle last_edge() const {
        const auto& decode = script_.timeline.decode_cycles;
        return decoders_.aborted() ? decoders_.ended() + 1 + *std::max_element(decode.begin(), decode.end())
                                   : kNever;
    }

    void strike(const Upset& upset) {
        switch (upset.site) {
            case SiteKind::dram:
                return dram_.flip(upset.cycle, upset.unit, upset.bits);
            case SiteKind::weight_buffer:
                return weights_.flip(upset.cycle, upset.unit, upset.bits);
            case SiteKind::activation_buffer:
                return activations_.flip(upset.cycle, upset.unit, upset.bits);
            case SiteKind::output_buffer:
                return sums_.flip(upset.cycle, upset.unit, upset.bits);
            default:
                return strike_register(upset);
        }
    }

    void strike_register(const Upset& upset) {
        const bool vector_unit =
            upset.site == SiteKind::vector_pipeline || upset.site == SiteKind::vector_parameter;
        if (!(vector_unit || traces::is_array_register(upset.site)) || (upset.bits >> 128).any()) {
            throw std::out_of_range(std::string("a machine of words has no ") + name_of(upset.site) +
                                    " with these bits");
        }
        const WideBits mask = wide_bits(upset.bits);
        if (upset.site == SiteKind::vector_pipeline) {
            vector_unit_.flip_pipeline(upset.unit, mask);
        } else if (upset.site == SiteKind::vector_parameter) {
            vector_unit_.flip_parameter(upset.unit, mask);
        } else {
            array_.flip(upset.site, upset.unit, mask);
        }
    }

    const SteppedScript& script_;
    DecoderLog decoders_;
    CodedMemory dram_, weights_, activations_, sums_;
    SteppedArray array_;
    SteppedVectorUnit vector_unit_;
    SteppedDma dma_;
};

std::vector<const Upset*> by_cycle(const std::vector<Upset>& upsets, Cycle cycles) {
    std::vector<const Upset*> sorted;
    for (const Upset& upset : upsets) {
        if (upset.held != traces::Held::no || upset.cycle < 0 || upset.cycle >= cycles) {
            throw std::out_of_range("a machine of words inverts bits in its cycles 0 to " +
                                    std::to_string(cycles - 1));
        }
        sorted.push_back(&upset);
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const Upset* a, const Upset* b) { return a->cycle < b->cycle; });
    return sorted;
}

void check(const workloads::WordGraph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
           const traces::Timeline& timeline) {
    check_policy(policy);
    if (std::string(name_of(config.array.format)) != workloads::name_of(graph.format)) {
        throw std::invalid_argument(std::string("a machine of ") + name_of(config.array.format) +
                                    " does not run a graph of " + workloads::name_of(graph.format));
    }
    if (config.array.control != ArrayControl::central) {
        throw std::invalid_argument("an array of words has central control alone");
    }
    if (timeline.decode_cycles != protect::timing_of(policy).decode_cycles) {
        throw std::invalid_argument("the timeline is of another policy than \"" + policy.name + "\"");
    }
}

}  // namespace

SteppedWordMachine::SteppedWordMachine(const workloads::WordGraph& graph, const AcceleratorConfig& config,
                                       const protect::Policy& policy, const traces::Timeline& timeline) {
    check(graph, config, policy, timeline);
    impl_.reset(new Impl{{graph, config, policy, timeline}});
}

SteppedWordMachine::~SteppedWordMachine() = default;

SteppedWordMachine::Run SteppedWordMachine::run(const workloads::Words& image,
                                                const std::vector<Upset>& upsets) const {
    Inference inference(impl_->script, image);
    inference.go(by_cycle(upsets, impl_->script.timeline.cycles));
    return inference.result(image);
}

}  // namespace fluence::words
