#include "tests/fault/stepper.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <tuple>

#include "tests/fault/stepper_memory.h"

namespace fluence::test {

using traces::Content;
using traces::Fold;
using traces::Load;
using traces::Segment;
using traces::Store;
using traces::VectorPass;
using workloads::Codes;
using workloads::Layer;
using workloads::NumberFormat;
using workloads::OpKind;
using workloads::Shape;

namespace {

// Which A[m,·] of which fold a register's content belongs to; travels with the data.
struct Tag {
    int fold = -1;
    std::int64_t m = 0;
};
struct Activation {
    std::uint8_t bits = 0;
    Tag tag;
};
struct Sum {
    std::uint32_t value = 0;
    std::int64_t wide = 0;  // of the checksum column
    Tag tag;
};

std::int32_t as_code(NumberFormat format, std::uint32_t bits) {
    switch (format) {
        case NumberFormat::u8:
            return static_cast<std::uint8_t>(bits);
        case NumberFormat::s8:
            return static_cast<std::int8_t>(bits);
        case NumberFormat::s32:
            break;
    }
    return static_cast<std::int32_t>(bits);
}

}  // namespace

// What happens in which cycle, whatever the data are.
struct Stepper::Control {
    struct Word {
        int item = 0;
        std::int64_t dram_word = 0, buffer_word = 0;
    };
    struct Feed {
        int fold = 0;
        std::int64_t m = 0;
        int row = 0;
    };
    struct WeightRow {
        int fold = 0;
        int row = 0;
    };
    struct Element {
        int pass = 0;
        std::int64_t i = 0;
    };
    struct Accumulation {
        Tag tag;
        int col = 0;
    };
    struct Step {
        std::vector<Word> load_writes, store_writes;  // at the edge
        std::vector<WeightRow> shifts;                // at the edge
        std::vector<Feed> feeds;                      // sampled at the edge
        std::vector<Word> load_reads;                 // in the cycle
        std::vector<WeightRow> weight_reads;
        std::vector<Feed> activation_reads;
        std::vector<Accumulation> accumulator_reads;
        std::vector<Element> vector_reads;
    };
    std::vector<Step> steps;
    // Which bytes of which elements a DRAM word of activations is made of.
    struct Byte {
        std::size_t element = 0;
        int byte = 0, bit = 0;
    };
    std::map<std::int64_t, std::vector<Byte>> activation_bytes;

    Step& at(Cycle cycle) {
        if (cycle < 0) {
            throw std::logic_error("timeline: something happens before cycle 0");
        }
        if (static_cast<std::size_t>(cycle) >= steps.size()) {
            steps.resize(static_cast<std::size_t>(cycle) + 1);
        }
        return steps[static_cast<std::size_t>(cycle)];
    }
};

// The state, and how it moves over one edge and through one cycle.
struct Stepper::Machine {
    const Stepper& model;
    const workloads::Graph& graph;
    const traces::Timeline& timeline;
    const int rows, cols;
    const bool at_input, shadowed;
    WordMemory dram, weight_buffer, activation_buffer, output_buffer;
    std::vector<std::vector<Activation>> act;  // [row][col]; one more column for the checksum
    std::vector<std::vector<Sum>> sum;         // [row][col]; `input`: one more row
    std::vector<std::vector<std::uint8_t>> weight, shadow;
    // The same behind the edge that is being computed.
    std::vector<std::vector<Activation>> new_act;
    std::vector<std::vector<Sum>> new_sum;
    std::vector<std::vector<std::uint8_t>> new_weight, new_shadow;
    std::vector<std::vector<std::int64_t>> checksum_weight;                    // [fold][row]
    std::map<std::pair<int, std::int64_t>, WordBits> in_flight;                // (load, DRAM word)
    std::map<std::pair<int, int>, std::vector<std::uint8_t>> fetched_weights;  // (fold, row)
    std::map<std::pair<Cycle, int>, std::uint8_t> fetched_activations;         // (edge, row)
    std::map<std::tuple<int, std::int64_t, int>, std::uint32_t> old_sums;      // (fold, m, col)
    std::map<std::int64_t, WordBits> parameters;                               // by DRAM word
    StepperResult result;

    explicit Machine(const Stepper& stepper);
    void edge(Cycle t, const Control::Step& step, const Control::Step* next);
    void cycle(Cycle t, const Control::Step& step);
    void strike(const fault::Upset& upset);

    std::vector<Activation> feed_at(Cycle t, const Control::Step* step, bool data);
    Sum multiply(const Activation& a, const Sum& above, int r, int c) const;
    void accumulate(const Sum& last, int c);
    void write_accumulator(std::int64_t accumulator, std::uint32_t value);
    std::uint32_t read_accumulator(std::int64_t accumulator);
    std::int64_t buffer_word(int load, std::int64_t dram_word) const;
    std::uint32_t operand(int load, TensorId tensor, std::int64_t element);
    std::int64_t gemm_element(const Fold& fold, std::int64_t m, int row) const;
    std::uint32_t parameter(const Layer& layer, LayerId id, int which, std::size_t index) const;
    void produce(const VectorPass& pass, std::int64_t i);
    std::int32_t combine(const VectorPass& pass, std::int64_t out);
    std::int32_t requantise(const Layer& layer, LayerId id, std::int64_t acc, std::size_t index) const;
    WordBits stored_word(TensorId tensor, std::int64_t word) const;
    void fill_dram(const Codes& image);
};

Stepper::Stepper(const workloads::Graph& graph, const AcceleratorConfig& config,
                 const protect::Policy& policy, const traces::Timeline& timeline,
                 const workloads::Codes& image)
    : graph_(graph),
      config_(config),
      policy_(policy),
      timeline_(timeline),
      image_(image),
      map_(graph, config),
      control_(std::make_unique<Control>()) {
    Control& control = *control_;
    control.at(timeline.cycles - 1);
    for (std::size_t i = 0; i < timeline.loads.size(); ++i) {
        std::int64_t position = 0;
        for (const Segment& segment : timeline.loads[i].segments) {
            for (std::int64_t w = 0; w < segment.words; ++w, ++position) {
                const Control::Word word{static_cast<int>(i), segment.dram_word + w, segment.buffer_word + w};
                control.at(timeline.loads[i].read_cycle(position)).load_reads.push_back(word);
                control.at(timeline.loads[i].write_cycle(position)).load_writes.push_back(word);
            }
        }
    }
    for (std::size_t i = 0; i < timeline.stores.size(); ++i) {
        std::int64_t position = 0;
        for (const Segment& segment : timeline.stores[i].segments) {
            for (std::int64_t w = 0; w < segment.words; ++w, ++position) {
                control.at(timeline.stores[i].write_cycle(position))
                    .store_writes.push_back({static_cast<int>(i), segment.dram_word + w, 0});
            }
        }
    }
    const auto decode = [&](Memory memory) { return timeline.decode_cycles[index_of(memory)]; };
    for (std::size_t i = 0; i < timeline.folds.size(); ++i) {
        const Fold& fold = timeline.folds[i];
        const auto id = static_cast<int>(i);
        for (int j = 0; j < config.array.rows; ++j) {
            const Control::WeightRow row{id, config.array.rows - 1 - j};  // the last row goes in first
            control.at(fold.preload + j).shifts.push_back(row);
            if (row.row < fold.used_rows) {
                control.at(fold.preload + j - 1 - decode(Memory::weight_buffer)).weight_reads.push_back(row);
            }
        }
        for (std::int64_t m = 0; m < fold.pixels; ++m) {
            for (int r = 0; r < config.array.rows; ++r) {  // row r lags r cycles behind row 0
                control.at(fold.stream + m + r).feeds.push_back({id, m, r});
                control.at(fold.stream + m + r - 1 - decode(Memory::activation_buffer))
                    .activation_reads.push_back({id, m, r});
            }
        }
    }
    for (std::size_t i = 0; i < timeline.passes.size(); ++i) {
        for (std::int64_t e = 0; e < timeline.passes[i].elements; ++e) {
            control.at(timeline.passes[i].begin + e / timeline.passes[i].lanes)
                .vector_reads.push_back({static_cast<int>(i), e});
        }
    }
    for (std::size_t i = 0; i < timeline.stores.size(); ++i) {
        const TensorId tensor = timeline.stores[i].tensor;
        const int bytes = workloads::width_bits(graph.tensor(tensor).format) / 8;
        const auto count = static_cast<std::size_t>(graph.tensor(tensor).shape.elements());
        if (i > 0 && timeline.stores[i - 1].tensor == tensor) {
            continue;
        }
        for (std::size_t e = 0; e < count; ++e) {
            const std::int64_t word = map_.activation_word(tensor, static_cast<std::int64_t>(e));
            int bit = map_.activation_bit(tensor, static_cast<std::int64_t>(e));
            for (int b = 0; b < bytes; ++b, bit += 8) {
                control.activation_bytes[word + bit / config.dram.word_bits].push_back(
                    {e, b, bit % config.dram.word_bits});
            }
        }
    }
    // When sums reach the end of their column: found by sending the tags alone through the array.
    Machine machine(*this);
    for (std::size_t t = 0; t < control.steps.size(); ++t) {
        const Control::Step* next = t + 1 < control.steps.size() ? &control.steps[t + 1] : nullptr;
        Control::Step tags;
        tags.feeds = control.steps[t].feeds;
        machine.edge(static_cast<Cycle>(t), tags, next);
        for (int c = 0; c < config.array.cols; ++c) {
            const Tag& tag = machine.sum.back()[static_cast<std::size_t>(c)].tag;
            if (tag.fold >= 0 && timeline.folds[static_cast<std::size_t>(tag.fold)].k_fold > 0 &&
                c < timeline.folds[static_cast<std::size_t>(tag.fold)].used_cols) {
                control.at(static_cast<Cycle>(t) - decode(Memory::output_buffer))
                    .accumulator_reads.push_back({tag, c});
            }
        }
    }
}

Stepper::~Stepper() = default;

StepperResult Stepper::run(const fault::Upset* upset) {
    Machine machine(*this);
    const auto& steps = control_->steps;
    for (std::size_t t = 0; t < steps.size(); ++t) {
        machine.edge(static_cast<Cycle>(t), steps[t], t + 1 < steps.size() ? &steps[t + 1] : nullptr);
        if (upset != nullptr && upset->cycle == static_cast<Cycle>(t)) {
            machine.strike(*upset);
        }
        machine.cycle(static_cast<Cycle>(t), steps[t]);
    }
    // The host takes the logits out of DRAM.
    Codes& logits = machine.result.tensors[index_of(graph_.logits)];
    std::map<std::int64_t, WordBits> words;
    const int word_bits = config_.dram.word_bits;
    for (std::size_t e = 0; e < logits.size(); ++e) {
        std::uint32_t bits = 0;
        for (int byte = 0; byte < 4; ++byte) {
            const int at = map_.activation_bit(graph_.logits, static_cast<std::int64_t>(e)) + 8 * byte;
            const std::int64_t word =
                map_.activation_word(graph_.logits, static_cast<std::int64_t>(e)) + at / word_bits;
            if (words.count(word) == 0) {
                words[word] = machine.dram.read(word);
            }
            bits |= get_bits(words[word], at % word_bits, 8) << (8 * byte);
        }
        logits[e] = static_cast<std::int32_t>(bits);
    }
    StepperResult result = std::move(machine.result);
    for (const WordMemory* memory :
         {&machine.dram, &machine.weight_buffer, &machine.activation_buffer, &machine.output_buffer}) {
        result.corrected |= memory->corrected;
        result.detected |= memory->detected;
    }
    // A flatten moves nothing: its tensor is its input's.
    for (const Layer& layer : graph_.layers) {
        if (layer.kind == OpKind::flatten) {
            result.tensors[index_of(layer.output)] = result.tensors[index_of(layer.inputs[0])];
        }
    }
    return result;
}

namespace {

template <class T>
std::vector<std::vector<T>> grid(int rows, int cols) {
    return std::vector<std::vector<T>>(static_cast<std::size_t>(rows),
                                       std::vector<T>(static_cast<std::size_t>(cols)));
}

WordMemory memory_of(const protect::Policy& policy, Memory memory, int word_bits, std::int64_t words) {
    return WordMemory(protect::memory_code(policy.memory[index_of(memory)].code), word_bits, words);
}

WordMemory buffer_of(const protect::Policy& policy, Memory memory, const BufferConfig& config) {
    return memory_of(policy, memory, config.word_bits, config.size.count() / config.word_bytes());
}

}  // namespace

Stepper::Machine::Machine(const Stepper& stepper)
    : model(stepper),
      graph(stepper.graph_),
      timeline(stepper.timeline_),
      rows(stepper.config_.array.rows),
      cols(stepper.config_.array.cols),
      at_input(stepper.config_.array.operand_register == OperandRegister::input),
      shadowed(stepper.config_.array.shadow_weights),
      dram(memory_of(stepper.policy_, Memory::dram, stepper.config_.dram.word_bits, stepper.map_.words())),
      weight_buffer(buffer_of(stepper.policy_, Memory::weight_buffer, stepper.config_.weight_buffer)),
      activation_buffer(
          buffer_of(stepper.policy_, Memory::activation_buffer, stepper.config_.activation_buffer)),
      output_buffer(buffer_of(stepper.policy_, Memory::output_buffer, stepper.config_.output_buffer)),
      act(grid<Activation>(rows, cols + 1)),
      sum(grid<Sum>(at_input ? rows + 1 : rows, cols + 1)),
      weight(grid<std::uint8_t>(rows, cols)),
      shadow(grid<std::uint8_t>(rows, cols)) {
    for (const workloads::TensorInfo& tensor : graph.tensors) {
        result.tensors.emplace_back(static_cast<std::size_t>(tensor.shape.elements()));
    }
    result.tensors[index_of(graph.input)] = stepper.image_;
    fill_dram(stepper.image_);
    for (const Fold& fold : timeline.folds) {
        const Layer& layer = graph.layer(fold.layer);
        const workloads::GemmShape gemm = gemm_shape(graph, layer);
        checksum_weight.emplace_back(static_cast<std::size_t>(rows));
        for (int r = 0; r < fold.used_rows; ++r) {
            for (int c = 0; c < fold.used_cols; ++c) {
                const std::int64_t n = fold.group * gemm.n + std::int64_t{fold.n_fold} * cols + c;
                const std::int64_t k = std::int64_t{fold.k_fold} * rows + r;
                checksum_weight.back()[static_cast<std::size_t>(r)] +=
                    layer.weights[static_cast<std::size_t>(n * gemm.k + k)];
            }
        }
    }
}

void Stepper::Machine::fill_dram(const Codes& image) {
    const dataflow::MemoryMap& map = model.map_;
    const int word_bits = model.config_.dram.word_bits;
    std::map<std::int64_t, WordBits> words;
    const auto put = [&](std::int64_t word, int bit, int bytes, std::uint32_t value) {
        for (int i = 0; i < bytes; ++i, bit += 8) {
            set_bits(words[word + bit / word_bits], bit % word_bits, 8, value >> (8 * i));
        }
    };
    for (std::size_t l = 0; l < graph.layers.size(); ++l) {
        const Layer& layer = graph.layers[l];
        if (layer.has_macs()) {
            const workloads::GemmShape gemm = gemm_shape(graph, layer);
            for (std::int64_t n = 0; n < gemm.n * gemm.groups; ++n) {
                for (std::int64_t k = 0; k < gemm.k; ++k) {
                    const std::int64_t col = n % gemm.n;
                    const dataflow::WeightBlock block =
                        map.weight_block(layer_id(l), static_cast<int>(n / gemm.n),
                                         static_cast<int>(col / cols), static_cast<int>(k / rows));
                    put(block.first_word + k % rows * block.row_words, static_cast<int>(8 * (col % cols)), 1,
                        static_cast<std::uint8_t>(layer.weights[static_cast<std::size_t>(n * gemm.k + k)]));
                }
            }
        }
        std::int64_t word = map.parameters(layer_id(l)).first_word;
        const auto put_all = [&](const auto& values, int bytes) {
            for (std::size_t i = 0; i < values.size(); ++i) {
                put(word, static_cast<int>(i) * 8 * bytes, bytes, static_cast<std::uint32_t>(values[i]));
            }
            word += (static_cast<std::int64_t>(values.size()) * 8 * bytes + word_bits - 1) / word_bits;
        };
        put_all(layer.bias, 4);
        put_all(layer.multiplier, 4);
        put_all(layer.shift, 1);
    }
    for (std::size_t e = 0; e < image.size(); ++e) {
        const auto element = static_cast<std::int64_t>(e);
        put(map.activation_word(graph.input, element), map.activation_bit(graph.input, element), 1,
            static_cast<std::uint32_t>(image[e]));
    }
    for (const auto& [word, bits] : words) {
        dram.write(word, bits);
    }
}

// What the feeders put on the rows' wires to be sampled at edge t.
std::vector<Activation> Stepper::Machine::feed_at(Cycle t, const Control::Step* step, bool data) {
    std::vector<Activation> wires(static_cast<std::size_t>(rows));
    if (step != nullptr) {
        for (const Control::Feed& feed : step->feeds) {
            Activation& wire = wires[static_cast<std::size_t>(feed.row)];
            wire.tag = {feed.fold, feed.m};
            if (const auto found = fetched_activations.find({t, feed.row});
                data && found != fetched_activations.end()) {
                wire.bits = found->second;
                fetched_activations.erase(found);
            }
        }
    }
    return wires;
}

Sum Stepper::Machine::multiply(const Activation& a, const Sum& above, int r, int c) const {
    Sum out = above;
    if (r == 0) {
        out = Sum{};
        out.tag = a.tag;
    }
    if (a.tag.fold >= 0) {
        const Fold& fold = timeline.folds[static_cast<std::size_t>(a.tag.fold)];
        const NumberFormat format = graph.tensor(graph.layer(fold.layer).inputs[0]).format;
        const std::int32_t code = as_code(format, a.bits);
        if (c == cols) {
            out.wide +=
                code * checksum_weight[static_cast<std::size_t>(a.tag.fold)][static_cast<std::size_t>(r)];
        } else {
            const auto w =
                static_cast<std::int8_t>(weight[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)]);
            out.value += static_cast<std::uint32_t>(code * w);
        }
    }
    return out;
}

void Stepper::Machine::edge(Cycle t, const Control::Step& step, const Control::Step* next) {
    // Everything here reads the state of cycle t − 1; registers are assigned at the end.
    std::vector<Activation> wires = feed_at(t, &step, true);
    new_act = act;
    new_sum = sum;
    for (std::size_t c = 0; c < act[0].size(); ++c) {
        for (std::size_t r = 0; r < act.size(); ++r) {
            const Activation& arriving = c == 0 ? wires[r] : act[r][c - 1];
            new_act[r][c] = arriving;
            const auto row = static_cast<int>(r);
            const auto col = static_cast<int>(c);
            if (at_input) {
                // The top register takes a fresh zero in; row r's result goes one register down.
                new_sum[0][c].value = 0;
                new_sum[0][c].wide = 0;
                // Here the zero may have been struck: it counts as what it is.
                Sum above = sum[r][c];
                Sum product = multiply(act[r][c], above, row, col);
                if (r == 0) {
                    product.value += above.value;
                }
                new_sum[r + 1][c] = product;
            } else {
                new_sum[r][c] = multiply(arriving, r == 0 ? Sum{} : sum[r - 1][c], row, col);
            }
        }
    }
    for (std::size_t c = 0; c < act[0].size(); ++c) {
        accumulate(sum.back()[c], static_cast<int>(c));
    }
    // Active weights take over from the shadows in front of the first pixel of a fold.
    new_weight = weight;
    new_shadow = shadow;
    auto& new_chain = shadowed ? new_shadow : new_weight;
    const auto& chain = shadowed ? shadow : weight;
    if (shadowed) {
        const std::vector<Activation> coming = feed_at(t + 1, next, false);
        for (std::size_t r = 0; r < weight.size(); ++r) {
            for (std::size_t c = 0; c < weight[r].size(); ++c) {
                // The activation that the PE multiplies in cycle t.
                const Activation& used = at_input ? new_act[r][c] : c == 0 ? coming[r] : new_act[r][c - 1];
                if (used.tag.fold >= 0 && used.tag.m == 0) {
                    new_weight[r][c] = shadow[r][c];
                }
            }
        }
    }
    for (const Control::WeightRow& row : step.shifts) {
        const Fold& fold = timeline.folds[static_cast<std::size_t>(row.fold)];
        for (std::size_t r = weight.size() - 1; r > 0; --r) {
            new_chain[r] = chain[r - 1];
        }
        std::fill(new_chain[0].begin(), new_chain[0].end(), std::uint8_t{0});
        if (row.row < fold.used_rows) {
            if (const auto found = fetched_weights.find({row.fold, row.row});
                found != fetched_weights.end()) {
                new_chain[0] = found->second;
                fetched_weights.erase(found);
            }
        }
    }
    act.swap(new_act);
    sum.swap(new_sum);
    weight.swap(new_weight);
    shadow.swap(new_shadow);

    for (const Control::Word& word : step.load_writes) {
        const Load& load = timeline.loads[static_cast<std::size_t>(word.item)];
        const WordBits bits = in_flight.at({word.item, word.dram_word});
        if (load.to_vector_unit) {
            parameters[word.dram_word] = bits;
        } else {
            (load.buffer == Memory::weight_buffer ? weight_buffer : activation_buffer)
                .write(word.buffer_word, bits);
        }
        in_flight.erase({word.item, word.dram_word});
    }
    for (const Control::Word& word : step.store_writes) {
        const TensorId tensor = timeline.stores[static_cast<std::size_t>(word.item)].tensor;
        dram.write(word.dram_word, stored_word(tensor, word.dram_word));
    }
}

// The sum at the end of column c joins its accumulator; reads happened in an earlier cycle.
void Stepper::Machine::accumulate(const Sum& last, int c) {
    if (last.tag.fold < 0) {
        return;
    }
    const Fold& fold = timeline.folds[static_cast<std::size_t>(last.tag.fold)];
    if (c == cols) {
        const workloads::GemmShape gemm = gemm_shape(graph, graph.layer(fold.layer));
        result.checksums[{static_cast<int>(fold.layer), fold.first_pixel + last.tag.m,
                          fold.group * gemm.n + std::int64_t{fold.n_fold} * cols}] += last.wide;
        return;
    }
    if (c >= fold.used_cols) {
        return;
    }
    std::uint32_t old = 0;
    if (fold.k_fold > 0) {
        const auto found = old_sums.find({last.tag.fold, last.tag.m, c});
        if (found != old_sums.end()) {  // absent only while tags alone are sent through
            old = found->second;
            old_sums.erase(found);
        }
    }
    write_accumulator(fold.accumulator + c * fold.pixels + last.tag.m, old + last.value);
}

void Stepper::Machine::write_accumulator(std::int64_t accumulator, std::uint32_t value) {
    const int in_word = model.config_.output_buffer.word_bits / 32;
    const std::int64_t word = accumulator / in_word;
    // A word of one accumulator is written whole; otherwise it is read, changed in part and written back.
    WordBits data = in_word == 1 ? WordBits{} : output_buffer.read(word);
    set_bits(data, static_cast<int>(32 * (accumulator % in_word)), 32, value);
    output_buffer.write(word, data);
}

std::uint32_t Stepper::Machine::read_accumulator(std::int64_t accumulator) {
    const int in_word = model.config_.output_buffer.word_bits / 32;
    return get_bits(output_buffer.read(accumulator / in_word), static_cast<int>(32 * (accumulator % in_word)),
                    32);
}

std::int64_t Stepper::Machine::buffer_word(int load, std::int64_t dram_word) const {
    for (const Segment& segment : timeline.loads.at(static_cast<std::size_t>(load)).segments) {
        if (dram_word >= segment.dram_word && dram_word < segment.dram_word + segment.words) {
            return segment.buffer_word + dram_word - segment.dram_word;
        }
    }
    throw std::logic_error("timeline: a word is read that its load does not bring");
}

std::uint32_t Stepper::Machine::operand(int load, TensorId tensor, std::int64_t element) {
    const WordBits word =
        activation_buffer.read(buffer_word(load, model.map_.activation_word(tensor, element)));
    return get_bits(word, model.map_.activation_bit(tensor, element), 8);
}

std::int64_t Stepper::Machine::gemm_element(const Fold& fold, std::int64_t m, int row) const {
    const Layer& layer = graph.layer(fold.layer);
    const std::int64_t k = std::int64_t{fold.k_fold} * rows + row;
    if (layer.kind == OpKind::linear) {
        return k;
    }
    const Shape& in = graph.tensor(layer.inputs[0]).shape;
    const Shape& out = graph.tensor(layer.output).shape;
    const workloads::Window& w = layer.window;
    const std::int64_t taps = std::int64_t{w.kernel_h} * w.kernel_w;
    const std::int64_t pixel = fold.first_pixel + m;
    const std::int64_t y = pixel / out.width * w.stride_h - w.pad_h + k % taps / w.kernel_w * w.dilation_h;
    const std::int64_t x = pixel % out.width * w.stride_w - w.pad_w + k % w.kernel_w * w.dilation_w;
    if (y < 0 || y >= in.height || x < 0 || x >= in.width) {
        return -1;
    }
    return ((fold.group * (in.channels / layer.groups) + k / taps) * in.height + y) * in.width + x;
}

void Stepper::Machine::cycle(Cycle t, const Control::Step& step) {
    for (const Control::Word& word : step.load_reads) {
        in_flight[{word.item, word.dram_word}] = dram.read(word.dram_word);
    }
    for (const Control::WeightRow& row : step.weight_reads) {
        const Fold& fold = timeline.folds[static_cast<std::size_t>(row.fold)];
        const int in_word = model.config_.weight_buffer.word_bytes();
        const std::int64_t row_words = (fold.used_cols + in_word - 1) / in_word;
        std::vector<std::uint8_t>& values = fetched_weights[{row.fold, row.row}];
        values.assign(static_cast<std::size_t>(cols), std::uint8_t{0});
        for (std::int64_t j = 0; j < row_words; ++j) {
            const WordBits word = weight_buffer.read(fold.weight_word + row.row * row_words + j);
            for (int b = 0; b < in_word && j * in_word + b < fold.used_cols; ++b) {
                values[static_cast<std::size_t>(j * in_word + b)] =
                    static_cast<std::uint8_t>(get_bits(word, 8 * b, 8));
            }
        }
    }
    const int delay = timeline.decode_cycles[index_of(Memory::activation_buffer)];
    for (const Control::Feed& feed : step.activation_reads) {
        const Fold& fold = timeline.folds[static_cast<std::size_t>(feed.fold)];
        const std::int64_t element = feed.row < fold.used_rows ? gemm_element(fold, feed.m, feed.row) : -1;
        if (element >= 0) {
            fetched_activations[{t + 1 + delay, feed.row}] = static_cast<std::uint8_t>(
                operand(fold.activation_load, graph.layer(fold.layer).inputs[0], element));
        }
    }
    for (const Control::Accumulation& a : step.accumulator_reads) {
        const Fold& fold = timeline.folds[static_cast<std::size_t>(a.tag.fold)];
        old_sums[{a.tag.fold, a.tag.m, a.col}] =
            read_accumulator(fold.accumulator + a.col * fold.pixels + a.tag.m);
    }
    for (const Control::Element& element : step.vector_reads) {
        produce(timeline.passes[static_cast<std::size_t>(element.pass)], element.i);
    }
}

std::uint32_t Stepper::Machine::parameter(const Layer& layer, LayerId id, int which,
                                          std::size_t index) const {
    const int word_bits = model.config_.dram.word_bits;
    const auto words = [&](std::size_t values, int bytes) {
        return (static_cast<std::int64_t>(values) * 8 * bytes + word_bits - 1) / word_bits;
    };
    const std::int64_t first = model.map_.parameters(id).first_word +
                               (which > 0 ? words(layer.bias.size(), 4) : 0) +
                               (which > 1 ? words(layer.multiplier.size(), 4) : 0);
    const int bytes = which == 2 ? 1 : 4;
    std::uint32_t value = 0;
    for (int b = 0; b < bytes; ++b) {
        const std::int64_t bit = 8 * (static_cast<std::int64_t>(index) * bytes + b);
        value |= get_bits(parameters.at(first + bit / word_bits), static_cast<int>(bit % word_bits), 8)
                 << (8 * b);
    }
    return value;
}

std::int32_t Stepper::Machine::requantise(const Layer& layer, LayerId id, std::int64_t acc,
                                          std::size_t index) const {
    const auto multiplier = static_cast<std::int32_t>(parameter(layer, id, 1, index));
    const auto shift = static_cast<std::uint8_t>(parameter(layer, id, 2, index));
    const std::int64_t value = workloads::rescale(acc, multiplier, shift);
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, layer.clamp_lo, layer.clamp_hi));
}

void Stepper::Machine::produce(const VectorPass& pass, std::int64_t i) {
    const Layer& layer = graph.layer(pass.layer);
    const Shape& shape = graph.tensor(layer.output).shape;
    Codes& codes = result.tensors[index_of(layer.output)];
    if (!layer.has_macs()) {
        const std::int64_t out = pass.first_element + i;
        codes[static_cast<std::size_t>(out)] = combine(pass, out);
        return;
    }
    const workloads::GemmShape gemm = gemm_shape(graph, layer);
    const std::int64_t channel = pass.group * gemm.n + std::int64_t{pass.n_fold} * cols + i / pass.pixels;
    const auto n = static_cast<std::size_t>(channel);
    const std::uint32_t acc = read_accumulator(pass.accumulator + i) + parameter(layer, pass.layer, 0, n);
    codes[static_cast<std::size_t>(channel * shape.plane() + pass.first_pixel + i % pass.pixels)] =
        requantise(layer, pass.layer, static_cast<std::int32_t>(acc), n);
}

// One output of a layer without MACs, from operands read out of the activation buffer.
std::int32_t Stepper::Machine::combine(const VectorPass& pass, std::int64_t out) {
    const Layer& layer = graph.layer(pass.layer);
    const Shape& to = graph.tensor(layer.output).shape;
    const std::int64_t channel = out / to.plane();
    const std::int64_t y = out % to.plane() / to.width;
    const std::int64_t x = out % to.width;
    const auto read = [&](std::size_t input, std::int64_t element) {
        const TensorId tensor = layer.inputs[input];
        return as_code(graph.tensor(tensor).format, operand(pass.operand_loads.at(input), tensor, element));
    };
    const Shape& from = graph.tensor(layer.inputs[0]).shape;
    const workloads::Window& w = layer.window;
    if (layer.kind == OpKind::add) {
        std::uint64_t acc = 0;
        for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
            const auto multiplier = static_cast<std::int32_t>(parameter(layer, pass.layer, 1, i));
            acc += static_cast<std::uint64_t>(std::int64_t{multiplier} * read(i, out));
        }
        const auto shift = static_cast<std::uint8_t>(parameter(layer, pass.layer, 2, 0));
        const std::int64_t value = workloads::rescale(static_cast<std::int64_t>(acc), 1, shift);
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, layer.clamp_lo, layer.clamp_hi));
    }
    if (layer.kind == OpKind::concat) {
        std::size_t input = 0;
        std::int64_t element = out;
        for (; element >= graph.tensor(layer.inputs[input]).shape.elements(); ++input) {
            element -= graph.tensor(layer.inputs[input]).shape.elements();
        }
        return requantise(layer, pass.layer, read(input, element), input);
    }
    if (layer.kind == OpKind::subsample) {
        const std::int64_t source = channel - layer.channels_before;
        return source < 0 || source >= from.channels
                   ? 0
                   : read(0, (source * from.height + y * w.stride_h) * from.width + x * w.stride_w);
    }
    std::int32_t best = std::numeric_limits<std::int32_t>::min();
    std::int64_t total = 0;
    for (int ky = 0; ky < w.kernel_h; ++ky) {
        for (int kx = 0; kx < w.kernel_w; ++kx) {
            const std::int64_t iy = y * w.stride_h - w.pad_h + std::int64_t{ky} * w.dilation_h;
            const std::int64_t ix = x * w.stride_w - w.pad_w + std::int64_t{kx} * w.dilation_w;
            if (iy >= 0 && iy < from.height && ix >= 0 && ix < from.width) {
                const std::int32_t code = read(0, (channel * from.height + iy) * from.width + ix);
                best = std::max(best, code);
                total += code;
            }
        }
    }
    return layer.kind == OpKind::max_pool ? best : requantise(layer, pass.layer, total, 0);
}

WordBits Stepper::Machine::stored_word(TensorId tensor, std::int64_t word) const {
    const Codes& codes = result.tensors[index_of(tensor)];
    WordBits bits;
    for (const Control::Byte& part : model.control_->activation_bytes.at(word)) {
        set_bits(bits, part.bit, 8, static_cast<std::uint32_t>(codes[part.element]) >> (8 * part.byte));
    }
    return bits;
}

void Stepper::Machine::strike(const fault::Upset& upset) {
    const auto r = static_cast<std::size_t>(upset.unit / cols);
    const auto c = static_cast<std::size_t>(upset.unit % cols);
    const auto flip = [&](auto& value, int width) {
        result.struck = WordBits(static_cast<std::uint32_t>(value));
        value ^= static_cast<std::decay_t<decltype(value)>>(get_bits(upset.bits, 0, width));
        result.struck_after = WordBits(static_cast<std::uint32_t>(value));
    };
    const auto flip_word = [&](WordMemory& memory, Memory which, int data_bits) {
        result.struck = memory.at(upset.unit);
        const int width = protect::stored_bits(model.policy_, which, data_bits);
        for (int i = 0; i < width; ++i) {
            if (upset.bits[static_cast<std::size_t>(i)]) {
                memory.at(upset.unit).flip(static_cast<std::size_t>(i));
            }
        }
        result.struck_after = memory.at(upset.unit);
    };
    switch (upset.site) {
        case fault::SiteKind::pe_weight:
            return flip(weight[r][c], 8);
        case fault::SiteKind::pe_weight_shadow:
            return flip(shadow[r][c], 8);
        case fault::SiteKind::pe_activation:
            return flip(act[r][c].bits, 8);
        case fault::SiteKind::pe_psum:
            return flip(sum[r][c].value, 32);
        case fault::SiteKind::weight_buffer:
            return flip_word(weight_buffer, Memory::weight_buffer, model.config_.weight_buffer.word_bits);
        case fault::SiteKind::activation_buffer:
            return flip_word(activation_buffer, Memory::activation_buffer,
                             model.config_.activation_buffer.word_bits);
        case fault::SiteKind::output_buffer:
            return flip_word(output_buffer, Memory::output_buffer, model.config_.output_buffer.word_bits);
        case fault::SiteKind::dram:
            return flip_word(dram, Memory::dram, model.config_.dram.word_bits);
        case fault::SiteKind::neuron:
            break;
    }
    throw std::logic_error("a neuron is no storage");
}

}  // namespace fluence::test
