#include "sim/dataflow/memory_map.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace fluence::dataflow {

using traces::Content;
using workloads::Layer;

namespace {

constexpr std::int64_t kMultiplierBytes = 4;  // a shift takes one

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

// The values of `bytes` bytes each that a word holds, where value i begins at byte i·bytes of a run of
// `count` values and the word covers the bytes from `first_byte` on.
template <class Visit>
void for_each_value(std::int64_t first_byte, std::int64_t word_bytes, std::int64_t bytes, std::int64_t count,
                    Visit visit) {
    const std::int64_t last = std::min(ceil_div(first_byte + word_bytes, bytes), count);
    for (std::int64_t i = first_byte / bytes; i < last; ++i) {
        const std::int64_t begin = std::max(i * bytes, first_byte);
        const std::int64_t end = std::min((i + 1) * bytes, first_byte + word_bytes);
        visit(i, static_cast<std::int32_t>(8 * (begin - first_byte)),
              static_cast<std::int32_t>(8 * (end - begin)),
              static_cast<std::int32_t>(8 * (begin - i * bytes)));
    }
}

}  // namespace

MemoryMap::MemoryMap(const workloads::Graph& graph, const AcceleratorConfig& config, ChannelOrders orders)
    : graph_(&graph),
      format_(config.array.format),
      widths_(stored_widths(config.array.format)),
      rows_(config.array.rows),
      cols_(config.array.cols),
      word_bytes_(config.dram.word_bytes()) {
    take_orders(std::move(orders));
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const Layer& layer = graph.layers[i];
        std::int64_t words = 0;
        if (layer.has_macs()) {
            const workloads::GemmShape gemm = workloads::gemm_shape(graph, layer);
            const std::int64_t full = positions_[i] / cols_;
            words = gemm.groups * gemm.k * (full * row_words_of(cols_) + row_words_of(positions_[i] % cols_));
        }
        weight_region_.push_back(regions_.size());
        append(Content::weights, static_cast<std::int32_t>(i), words);
    }
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const Layer& layer = graph.layers[i];
        const auto words = [this](std::size_t values, std::int64_t bytes) {
            return words_of(static_cast<std::int64_t>(values) * bytes);
        };
        parameter_region_.push_back(regions_.size());
        append(Content::parameters, static_cast<std::int32_t>(i),
               words(layer.bias.size(), widths_.bias) + words(layer.multiplier.size(), kMultiplierBytes) +
                   words(layer.shift.size(), 1));
    }
    // A flatten moves nothing: its output is its input's region, found by going up the chain of flattens.
    std::vector<std::size_t> source(graph.tensors.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        source[i] = i;
    }
    for (const Layer& layer : graph.layers) {
        if (layer.kind == workloads::OpKind::flatten) {
            source[index_of(layer.output)] = source[index_of(layer.inputs.at(0))];
        }
    }
    activation_region_.resize(graph.tensors.size());
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        if (source[i] == i) {
            activation_region_[i] = regions_.size();
            const std::int64_t plane = plane_bytes(tensor_id(i));
            const std::int64_t channels = graph.tensors[i].shape.channels;
            append(Content::activations, static_cast<std::int32_t>(i),
                   graph.tensors[i].shape.plane() > 1 ? channels * plane / word_bytes_
                                                      : words_of(channels * plane));
        }
    }
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        activation_region_[i] = activation_region_[source[i]];
    }
}

void MemoryMap::take_orders(ChannelOrders orders) {
    orders.resize(graph_->layers.size());
    position_of_.resize(orders.size());
    copy_of_.resize(orders.size());
    for (std::size_t i = 0; i < orders.size(); ++i) {
        const Layer& layer = graph_->layers[i];
        const std::vector<std::int32_t>& order = orders[i];
        if (!layer.has_macs()) {
            if (!order.empty()) {
                throw std::logic_error("channel order: of a layer that has no weights");
            }
            positions_.push_back(0);
            continue;
        }
        const workloads::GemmShape gemm = workloads::gemm_shape(*graph_, layer);
        positions_.push_back(order.empty() ? gemm.n : static_cast<std::int64_t>(order.size()) / gemm.groups);
        if (order.empty()) {
            continue;
        }
        position_of_[i].assign(static_cast<std::size_t>(gemm.n * gemm.groups), -1);
        copy_of_[i] = position_of_[i];
        for (std::size_t at = 0; at < order.size(); ++at) {
            const std::int64_t group = static_cast<std::int64_t>(at) / positions_[i];
            std::int32_t& first = position_of_[i].at(static_cast<std::size_t>(order[at]));
            std::int32_t& free = first < 0 ? first : copy_of_[i][static_cast<std::size_t>(order[at])];
            if (order[at] / gemm.n != group || free >= 0) {
                throw std::logic_error(
                    "channel order: a channel of another group, or one for the third time");
            }
            free = static_cast<std::int32_t>(static_cast<std::int64_t>(at) - group * positions_[i]);
        }
        if (std::count(position_of_[i].begin(), position_of_[i].end(), -1) > 0) {
            throw std::logic_error("channel order: a channel is missing");
        }
    }
    channel_at_ = std::move(orders);
}

void MemoryMap::append(Content content, std::int32_t owner, std::int64_t words) {
    regions_.push_back({content, owner, words_, words});
    words_ += words;
}

const Region& MemoryMap::weights(LayerId layer) const {
    return regions_[weight_region_.at(index_of(layer))];
}
const Region& MemoryMap::parameters(LayerId layer) const {
    return regions_[parameter_region_.at(index_of(layer))];
}
const Region& MemoryMap::activations(TensorId tensor) const {
    return regions_[activation_region_.at(index_of(tensor))];
}

int MemoryMap::k_folds(LayerId layer) const {
    return static_cast<int>(ceil_div(workloads::gemm_shape(*graph_, graph_->layer(layer)).k, rows_));
}

int MemoryMap::n_folds(LayerId layer) const {
    return static_cast<int>(ceil_div(positions(layer), cols_));
}

WeightBlock MemoryMap::weight_block(LayerId layer, int group, int n_fold, int k_fold) const {
    const workloads::GemmShape gemm = workloads::gemm_shape(*graph_, graph_->layer(layer));
    const Region& region = weights(layer);
    WeightBlock block;
    block.used_rows =
        static_cast<std::int32_t>(std::min<std::int64_t>(rows_, gemm.k - std::int64_t{k_fold} * rows_));
    block.used_cols = static_cast<std::int32_t>(
        std::min<std::int64_t>(cols_, positions(layer) - std::int64_t{n_fold} * cols_));
    if (group < 0 || group >= gemm.groups || k_fold < 0 || n_fold < 0 || block.used_rows < 1 ||
        block.used_cols < 1) {
        throw std::out_of_range("weight block beyond the layer");
    }
    block.row_words = static_cast<std::int32_t>(row_words_of(block.used_cols));
    block.words = std::int64_t{block.used_rows} * block.row_words;
    block.first_word = region.first_word + group * (region.words / gemm.groups) +
                       n_fold * gemm.k * row_words_of(cols_) + std::int64_t{k_fold} * rows_ * block.row_words;
    return block;
}

std::int64_t MemoryMap::plane_bytes(TensorId stored) const {
    const workloads::TensorInfo& info = graph_->tensor(stored);
    const std::int64_t code = code_bytes(stored);
    return info.shape.plane() > 1 ? words_of(info.shape.plane() * code) * word_bytes_ : code;
}

std::int64_t MemoryMap::activation_byte(TensorId stored, std::int64_t element) const {
    const workloads::TensorInfo& info = graph_->tensor(stored);
    const std::int64_t plane = info.shape.plane();
    return element / plane * plane_bytes(stored) + element % plane * code_bytes(stored);
}

std::int64_t MemoryMap::weight_word(LayerId layer, std::int64_t index) const {
    const workloads::GemmShape gemm = workloads::gemm_shape(*graph_, graph_->layer(layer));
    const std::int64_t channel = index / gemm.k, k = index % gemm.k;
    const std::int64_t n = position(layer, channel);
    const WeightBlock block = weight_block(layer, static_cast<int>(channel / gemm.n),
                                           static_cast<int>(n / cols_), static_cast<int>(k / rows_));
    return block.first_word + k % rows_ * block.row_words + n % cols_ * widths_.operand / word_bytes_;
}

int MemoryMap::weight_bit(LayerId layer, std::int64_t index) const {
    const workloads::GemmShape gemm = workloads::gemm_shape(*graph_, graph_->layer(layer));
    return static_cast<int>(8 * (position(layer, index / gemm.k) % cols_ * widths_.operand % word_bytes_));
}

std::int64_t MemoryMap::activation_word(TensorId tensor, std::int64_t element) const {
    const Region& region = activations(tensor);
    return region.first_word + activation_byte(static_cast<TensorId>(region.owner), element) / word_bytes_;
}

int MemoryMap::activation_bit(TensorId tensor, std::int64_t element) const {
    const Region& region = activations(tensor);
    return static_cast<int>(8 *
                            (activation_byte(static_cast<TensorId>(region.owner), element) % word_bytes_));
}

const Region& MemoryMap::region_of(std::int64_t word) const {
    if (word < 0 || word >= words_) {
        throw std::out_of_range("no such DRAM word");
    }
    // Regions without words share their first word with the next one, which is found behind them.
    const auto next =
        std::upper_bound(regions_.begin(), regions_.end(), word,
                         [](std::int64_t w, const Region& region) { return w < region.first_word; });
    return *std::prev(next);
}

std::vector<Field> MemoryMap::fields(std::int64_t word) const {
    const Region& region = region_of(word);
    std::vector<Field> out;
    switch (region.content) {
        case Content::weights:
            weight_fields(region, word - region.first_word, out);
            break;
        case Content::parameters:
            parameter_fields(region, word - region.first_word, out);
            break;
        case Content::activations:
            activation_fields(region, word - region.first_word, out);
            break;
    }
    return out;
}

void MemoryMap::weight_fields(const Region& region, std::int64_t word, std::vector<Field>& out) const {
    const Layer& layer = graph_->layers[static_cast<std::size_t>(region.owner)];
    const workloads::GemmShape gemm = workloads::gemm_shape(*graph_, layer);
    const LayerId id = layer_id(static_cast<std::size_t>(region.owner));
    const std::int64_t group_words = region.words / gemm.groups;
    const std::int64_t group = word / group_words;
    std::int64_t rest = word % group_words;
    const std::int64_t full_block = gemm.k * row_words_of(cols_);  // all reduction rows of a full n fold
    const std::int64_t n_fold = std::min(rest / full_block, ceil_div(positions(id), cols_) - 1);
    rest -= n_fold * full_block;
    const std::int64_t used_cols = std::min<std::int64_t>(cols_, positions(id) - n_fold * cols_);
    const std::int64_t row_words = row_words_of(used_cols);
    const std::int64_t k = rest / row_words;
    for_each_value(rest % row_words * word_bytes_, word_bytes_, widths_.operand, used_cols,
                   [&](std::int64_t c, std::int32_t bit, std::int32_t width, std::int32_t value_bit) {
                       const std::int64_t n = n_fold * cols_ + c;
                       const auto of_group = static_cast<int>(group);
                       out.push_back({FieldKind::weight, region.owner, channel(id, of_group, n) * gemm.k + k,
                                      bit, width, value_bit, is_copy(id, of_group, n)});
                   });
}

void MemoryMap::parameter_fields(const Region& region, std::int64_t word, std::vector<Field>& out) const {
    const Layer& layer = graph_->layers[static_cast<std::size_t>(region.owner)];
    struct Part {
        FieldKind kind;
        std::size_t values;
        std::int64_t bytes;
    };
    for (const Part& part : {Part{FieldKind::bias, layer.bias.size(), widths_.bias},
                             Part{FieldKind::multiplier, layer.multiplier.size(), kMultiplierBytes},
                             Part{FieldKind::shift, layer.shift.size(), 1}}) {
        const auto count = static_cast<std::int64_t>(part.values);
        const std::int64_t words = words_of(count * part.bytes);
        if (word < words) {
            for_each_value(word * word_bytes_, word_bytes_, part.bytes, count,
                           [&](std::int64_t i, std::int32_t bit, std::int32_t width, std::int32_t value_bit) {
                               out.push_back({part.kind, region.owner, i, bit, width, value_bit, false});
                           });
            return;
        }
        word -= words;
    }
}

void MemoryMap::activation_fields(const Region& region, std::int64_t word, std::vector<Field>& out) const {
    const workloads::TensorInfo& info = graph_->tensors[static_cast<std::size_t>(region.owner)];
    const std::int64_t code = code_bytes(tensor_id(static_cast<std::size_t>(region.owner)));
    const bool planes = info.shape.plane() > 1;
    const std::int64_t run = planes ? info.shape.plane() : info.shape.elements();  // elements without a gap
    const std::int64_t run_words = words_of(run * code);
    for_each_value(word % run_words * word_bytes_, word_bytes_, code, run,
                   [&](std::int64_t i, std::int32_t bit, std::int32_t width, std::int32_t value_bit) {
                       out.push_back({FieldKind::activation, region.owner, word / run_words * run + i, bit,
                                      width, value_bit, false});
                   });
}

}  // namespace fluence::dataflow
