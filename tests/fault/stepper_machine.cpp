// The PE array, its memories and their transfers, edge by edge.
#include "tests/fault/stepper_machine.h"

#include <algorithm>
#include <stdexcept>
#include <type_traits>

namespace fluence::test {

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

void Stepper::Machine::strike(const fault::Upset& upset) {
    const auto r = static_cast<std::size_t>(upset.unit / cols);
    const auto c = static_cast<std::size_t>(upset.unit % cols);
    const auto flip = [&](auto& value, int width) {
        using Value = std::decay_t<decltype(value)>;
        result.struck = WordBits(static_cast<std::uint32_t>(value));
        const auto mask = static_cast<Value>(get_bits(upset.bits, 0, width));
        value = upset.held == traces::Held::no     ? static_cast<Value>(value ^ mask)
                : upset.held == traces::Held::at_1 ? static_cast<Value>(value | mask)
                                                   : static_cast<Value>(value & ~mask);
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
        default:
            break;
    }
    throw std::logic_error(std::string("the stepper has no ") + fault::name_of(upset.site));
}

}  // namespace fluence::test
