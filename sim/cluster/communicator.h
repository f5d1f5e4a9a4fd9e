// Several copies of this program, on one host or many, started together as one job (mpirun): messages between
// them. The library that carries the messages is loaded when a job needs it and not before, so that the
// program runs where there is none.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace fluence::cluster {

struct Message {
    int from = 0;  // rank
    std::string bytes;
};

// The ranks of a job are numbered from 0. Messages from one rank to another arrive in the order in which they
// were sent. Not for forked children.
class Communicator {
  public:
    virtual ~Communicator() = default;  // waits until what was sent is on its way and all ranks do the same
    virtual int rank() const = 0;
    virtual int size() const = 0;
    virtual std::string host() const = 0;
    virtual void send(int to, const std::string& bytes) = 0;  // does not wait; up to 2 GiB
    virtual std::optional<Message> receive() = 0;             // does not wait
};

// The communicator of the job that this process belongs to; null where it was started alone. Throws
// InputError where it belongs to a job and this program was built without MPI. At most once in a process.
std::unique_ptr<Communicator> join_job();

}  // namespace fluence::cluster
