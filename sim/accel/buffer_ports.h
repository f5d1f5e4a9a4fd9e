// Who uses the ports of a buffer when. A buffer with two banks needs no arbiter: fills, folds and passes take
// its halves in turn. Where both halves share one bank, `ports` users may access it in one cycle; each takes
// its port for the whole of a transfer, a fold or a pass, and in the order in which they ask.
#pragma once

#include <array>
#include <map>

#include "sim/core/accelerator_config.h"
#include "sim/core/memory.h"
#include "traces/timeline.h"

namespace fluence::accel {

using traces::Cycle;

enum class BufferUser { dma, array, vector_unit };
inline constexpr int kBufferUsers = 3;

// The cycles [first, last) in which words are accessed; a word that is in place at edge t is written in
// cycle t − 1.
struct Access {
    Cycle first = 0, last = 0;
};

class BufferPorts {
  public:
    explicit BufferPorts(const BufferConfig& buffer) : shared_(buffer.banks == 1), ports_(buffer.ports) {}

    bool shared() const { return shared_; }
    // By how many cycles `user` has to delay the access to find a port; 0 where the halves are banks.
    Cycle delay(BufferUser user, const Access& access) const;
    void take(BufferUser user, const Access& access);

  private:
    using Taken = std::map<Cycle, Cycle>;  // first → last, disjoint
    // The first edge at which one of the accesses that keep all ports busy in the meantime is over; −1: none.
    Cycle blocked_until(BufferUser user, const Access& access) const;

    bool shared_;
    int ports_;
    std::array<Taken, kBufferUsers> taken_;
};

// Of all three buffers, by index_of(Memory).
class PortTable {
  public:
    explicit PortTable(const AcceleratorConfig& config)
        : weights_(config.weight_buffer),
          activations_(config.activation_buffer),
          sums_(config.output_buffer) {}

    BufferPorts& of(Memory buffer) {
        return buffer == Memory::weight_buffer       ? weights_
               : buffer == Memory::activation_buffer ? activations_
                                                     : sums_;
    }
    bool shared() const { return weights_.shared() || activations_.shared() || sums_.shared(); }

  private:
    BufferPorts weights_, activations_, sums_;
};

}  // namespace fluence::accel
