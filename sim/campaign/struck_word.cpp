// Words of DRAM and of the buffers: who wrote them, what they hold, who reads them.
#include <algorithm>
#include <optional>

#include "sim/campaign/struck_parts.h"
#include "sim/dataflow/im2col.h"
#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/space_time.h"
#include "sim/dataflow/tensor_layout.h"

namespace fluence::campaign {
namespace {

using dataflow::Field;
using dataflow::FieldKind;
using traces::Fold;
using traces::SiteKind;

constexpr int kAccumulatorBits = 32;

class WordLookup {
  public:
    WordLookup(const RecordedRun& run, StruckSite& site)
        : run_(run), site_(site), memory_(run.graph, run.config, run.orders), array_(run.config.array) {}

    void dram();
    void operand_buffer(Memory buffer);
    void output_buffer();

  private:
    struct Content {
        std::int64_t dram_word = -1;
        std::int32_t load = -1;
        Cycle written = 0;
    };

    std::uint32_t struck_bits(int lowest, int width) const;
    void add_field(const Field& field);
    // The last writer of a buffer word, and the edge at which the next one writes.
    Content content_of(Memory buffer, Cycle& replaced) const;
    void weight_reads(const Field& field, const Content& content, Cycle replaced);
    void activation_reads(const Field& field, const Content& content, Cycle replaced);
    void pass_reads(const Content& content, Cycle replaced);
    void accumulator(std::int64_t index, std::uint32_t mask);

    const RecordedRun& run_;
    StruckSite& site_;
    const dataflow::MemoryMap memory_;
    const dataflow::SpaceTimeMap array_;
};

std::uint32_t WordLookup::struck_bits(int lowest, int width) const {
    std::uint32_t mask = 0;
    for (int i = 0; i < width; ++i) {
        mask |= std::uint32_t{site_.upset.bits[static_cast<std::size_t>(lowest + i)]} << i;
    }
    return mask;
}

void WordLookup::add_field(const Field& field) {
    HeldValue value;
    value.owner = field.owner;
    value.index = field.index;
    value.bits = field.width + field.value_bit;
    switch (field.kind) {
        case FieldKind::weight:
            value.kind = HeldKind::weight;
            break;
        case FieldKind::bias:
            value.kind = HeldKind::bias;
            break;
        case FieldKind::multiplier:
            value.kind = HeldKind::multiplier;
            break;
        case FieldKind::shift:
            value.kind = HeldKind::shift;
            break;
        case FieldKind::activation:
            value.kind = HeldKind::activation;
            break;
    }
    add_value(run_, site_, value, struck_bits(field.bit, field.width) << field.value_bit);
}

// Activations are there from their store on, everything else from the beginning.
Cycle stored_at(const traces::Timeline& timeline, std::int64_t dram_word) {
    for (const traces::Store& store : timeline.stores) {
        std::int64_t position = 0;
        for (const traces::Segment& segment : store.segments) {
            const std::int64_t at = dram_word - segment.dram_word;
            if (!store.to_buffer && at >= 0 && at < segment.words) {
                return store.write_cycle(position + at);
            }
            position += segment.words;
        }
    }
    return 0;
}

void WordLookup::dram() {
    const std::int64_t word = site_.upset.unit;
    if (word >= memory_.words() || site_.upset.cycle < stored_at(run_.timeline, word)) {
        return;
    }
    for (const Field& field : memory_.fields(word)) {
        add_field(field);
    }
    for (std::size_t i = 0; i < run_.timeline.loads.size(); ++i) {
        const traces::Load& load = run_.timeline.loads[i];
        std::int64_t position = 0;
        for (const traces::Segment& segment : load.segments) {
            const std::int64_t at = word - segment.dram_word;
            if (!load.kept && at >= 0 && at < segment.words &&
                load.read_cycle(position + at) >= site_.upset.cycle) {
                site_.loads.push_back({static_cast<std::int32_t>(i), load.read_cycle(position + at)});
                site_.layer = site_.layer < 0 ? static_cast<std::int32_t>(load.layer) : site_.layer;
            }
            position += segment.words;
        }
    }
}

WordLookup::Content WordLookup::content_of(Memory buffer, Cycle& replaced) const {
    Content content;
    replaced = run_.timeline.cycles;
    const auto consider = [&](std::int32_t load, std::int64_t dram_word, Cycle written) {
        if (written > site_.upset.cycle) {
            replaced = std::min(replaced, written);
        } else if (content.dram_word < 0 || written >= content.written) {
            content = {dram_word, load, written};
        }
    };
    for (std::size_t i = 0; i < run_.timeline.loads.size(); ++i) {
        const traces::Load& load = run_.timeline.loads[i];
        std::int64_t position = 0;
        for (const traces::Segment& segment : load.segments) {
            const std::int64_t at = site_.upset.unit - segment.buffer_word;
            if (!load.to_vector_unit && load.buffer == buffer && at >= 0 && at < segment.words) {
                // What stores left there lies there from `begin` on at the latest.
                consider(static_cast<std::int32_t>(i), segment.dram_word + at,
                         load.kept ? load.begin : load.write_cycle(position + at));
            }
            position += segment.words;
        }
    }
    return content;
}

// Folds that take the weight's row from the load.
void WordLookup::weight_reads(const Field& field, const Content& content, Cycle replaced) {
    const workloads::Layer& layer = run_.graph.layers[static_cast<std::size_t>(field.owner)];
    const workloads::GemmShape gemm = workloads::gemm_shape(run_.graph, layer);
    const std::int64_t channel = field.index / gemm.k;
    const std::int64_t k = field.index % gemm.k;
    const LayerId id = layer_id(static_cast<std::size_t>(field.owner));
    const std::int64_t n = field.copy ? memory_.copy_of(id, channel) : memory_.position(id, channel);
    const int decode = run_.timeline.decode_cycles[index_of(Memory::weight_buffer)];
    for (const Fold& f : run_.timeline.folds) {
        const bool uses = f.weight_load == content.load && f.group == channel / gemm.n && k >= f.first_k &&
                          k < f.first_k + f.terms && n >= f.first_n && n < f.first_n + f.channels;
        if (!uses) {
            continue;
        }
        const auto row = static_cast<int>(k - f.first_k);
        const std::int64_t col = n - f.first_n;
        const Cycle read = array_.weight_stationary() ? array_.stationary_read_cycle(f, row, decode)
                           : array_.input_stationary()
                               ? array_.operand_read_cycle(f, col, row, decode)
                               : array_.operand_read_cycle(f, k - f.first_k, static_cast<int>(col), decode);
        if (read < site_.upset.cycle || read >= replaced) {
            continue;
        }
        Macs macs;
        macs.layer = field.owner;
        macs.group = f.group;
        macs.m = {f.first_pixel, f.first_pixel + f.pixels - 1};
        macs.k = {k, k};
        macs.n = {n, n};
        macs.count = f.pixels;
        macs.first_cycle = macs.last_cycle = read;
        add_macs(site_, macs);
    }
}

// MACs whose operand is the element, in folds that take it from the load.
void WordLookup::activation_reads(const Field& field, const Content& content, Cycle replaced) {
    const int decode = run_.timeline.decode_cycles[index_of(Memory::activation_buffer)];
    for (const Fold& f : run_.timeline.folds) {
        if (f.activation_load != content.load) {
            continue;
        }
        const dataflow::Im2col im2col(run_.graph, run_.graph.layer(f.layer));
        if (im2col.group_of(field.index) != f.group) {
            continue;
        }
        im2col.for_each_use(field.index, [&](std::int64_t m, std::int64_t k) {
            const std::int64_t pixel = m - f.first_pixel;
            const std::int64_t term = k - f.first_k;
            if (pixel < 0 || pixel >= f.pixels || term < 0 || term >= f.terms) {
                return;
            }
            const Cycle read = array_.weight_stationary()
                                   ? array_.operand_read_cycle(f, pixel, static_cast<int>(term), decode)
                               : array_.input_stationary()
                                   ? array_.stationary_read_cycle(f, static_cast<int>(term), decode)
                                   : array_.operand_read_cycle(f, term, static_cast<int>(pixel), decode);
            if (read < site_.upset.cycle || read >= replaced) {
                return;
            }
            Macs macs;
            macs.layer = static_cast<std::int32_t>(f.layer);
            macs.group = f.group;
            macs.m = {m, m};
            macs.k = {k, k};
            macs.n = {f.first_n, f.first_n + f.channels - 1};
            macs.count = f.channels;
            macs.first_cycle = macs.last_cycle = read;
            add_macs(site_, macs);
        });
    }
}

// Layers without MACs read their operands in the vector unit.
void WordLookup::pass_reads(const Content& content, Cycle replaced) {
    for (const traces::VectorPass& pass : run_.timeline.passes) {
        const bool uses = std::find(pass.operand_loads.begin(), pass.operand_loads.end(), content.load) !=
                          pass.operand_loads.end();
        const Cycle last = pass.read_cycle(std::max<std::int64_t>(pass.elements, 1) - 1);
        if (!uses || last < site_.upset.cycle || pass.begin >= replaced) {
            continue;
        }
        site_.first_pass_cycle =
            site_.passes == 0 ? pass.begin : std::min(site_.first_pass_cycle, pass.begin);
        ++site_.passes;
        site_.layer = site_.layer < 0 ? static_cast<std::int32_t>(pass.layer) : site_.layer;
    }
}

void WordLookup::operand_buffer(Memory buffer) {
    Cycle replaced = 0;
    const Content content = content_of(buffer, replaced);
    if (content.dram_word < 0) {
        return;
    }
    site_.filled_by = content.load;
    site_.filled = content.written;
    site_.layer =
        static_cast<std::int32_t>(run_.timeline.loads[static_cast<std::size_t>(content.load)].layer);
    for (const Field& field : memory_.fields(content.dram_word)) {
        const bool struck = struck_bits(field.bit, field.width) != 0;
        add_field(field);
        if (struck && field.kind == FieldKind::weight) {
            weight_reads(field, content, replaced);
        } else if (struck && field.kind == FieldKind::activation) {
            activation_reads(field, content, replaced);
        }
    }
    if (!site_.held.empty() && buffer == Memory::activation_buffer) {
        pass_reads(content, replaced);
    }
}

// The accumulator's block is the last one that has written it.
void WordLookup::accumulator(std::int64_t index, std::uint32_t mask) {
    std::int32_t found = -1;
    Cycle written = 0;
    std::int64_t terms_done = 0;
    std::int64_t m = 0, n = 0;
    for (std::size_t i = 0; i < run_.timeline.folds.size() && mask != 0; ++i) {
        const Fold& f = run_.timeline.folds[i];
        const std::int64_t offset = index - f.accumulator;
        if (offset < 0 || offset / f.accumulator_stride >= f.channels ||
            offset % f.accumulator_stride >= f.pixels) {
            continue;
        }
        const std::int64_t pixel = offset % f.accumulator_stride;
        const std::int64_t channel = offset / f.accumulator_stride;
        const Cycle edge =
            array_.accumulate_cycle(f, array_.result_step(f, pixel, channel), array_.result_row(pixel),
                                    array_.result_column(pixel, channel)) +
            1;
        if (edge <= site_.upset.cycle && (found < 0 || edge > written)) {
            found = static_cast<std::int32_t>(i);
            written = edge;
            terms_done = f.first_k + f.terms;
            m = f.first_pixel + pixel;
            n = f.first_n + channel;
        }
    }
    if (found < 0) {
        return;
    }
    const Fold& f = run_.timeline.folds[static_cast<std::size_t>(found)];
    const workloads::GemmShape gemm = workloads::gemm_shape(run_.graph, run_.graph.layer(f.layer));
    site_.fold = found;
    site_.layer = static_cast<std::int32_t>(f.layer);
    HeldValue value;
    value.kind = HeldKind::sum;
    value.owner = site_.layer;
    value.index = memory_.channel(f.layer, f.group, n) * gemm.m + m;
    value.k = {0, terms_done - 1};
    value.bits = kAccumulatorBits;
    for (const traces::VectorPass& pass : run_.timeline.passes) {
        const bool drains = pass.layer == f.layer && pass.group == f.group && pass.n_fold == f.n_fold &&
                            m >= pass.first_pixel && m < pass.first_pixel + pass.pixels;
        const std::int64_t element = (n - pass.first_n) * pass.pixels + m - pass.first_pixel;
        if (drains && pass.read_cycle(element) >= site_.upset.cycle) {
            site_.first_pass_cycle = pass.read_cycle(element);
            site_.passes = 1;
        }
    }
    add_value(run_, site_, value, mask);
}

void WordLookup::output_buffer() {
    const std::int64_t per_word = run_.config.output_buffer.word_bits / kAccumulatorBits;
    for (std::int64_t i = 0; i < per_word; ++i) {
        accumulator(site_.upset.unit * per_word + i,
                    struck_bits(static_cast<int>(kAccumulatorBits * i), kAccumulatorBits));
    }
}

}  // namespace

void locate_word(const RecordedRun& run, StruckSite& site) {
    WordLookup words(run, site);
    switch (site.upset.site) {
        case SiteKind::dram:
            return words.dram();
        case SiteKind::weight_buffer:
            return words.operand_buffer(Memory::weight_buffer);
        case SiteKind::activation_buffer:
            return words.operand_buffer(Memory::activation_buffer);
        default:
            return words.output_buffer();
    }
}

}  // namespace fluence::campaign
