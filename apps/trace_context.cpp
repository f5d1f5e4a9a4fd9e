#include "apps/trace_context.h"

namespace fluence::apps {

traces::TraceContext trace_context(const std::string& network, const AcceleratorConfig& config,
                                   const std::string& policy) {
    constexpr std::int64_t kAccumulatorBytes = 4;
    traces::TraceContext context;
    context.title = network + " on " + config.name + ", policy " + policy;
    context.clock_mhz = config.clock_mhz;
    const auto set = [&context](Memory memory, const BufferConfig& buffer, std::int64_t bytes) {
        context.half_words[index_of(memory)] = buffer.half().count() / bytes;
    };
    set(Memory::weight_buffer, config.weight_buffer, config.weight_buffer.word_bytes());
    set(Memory::activation_buffer, config.activation_buffer, config.activation_buffer.word_bytes());
    set(Memory::output_buffer, config.output_buffer, kAccumulatorBytes);
    return context;
}

}  // namespace fluence::apps
