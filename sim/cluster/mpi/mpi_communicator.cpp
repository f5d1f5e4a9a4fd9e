// The MPI part of the program: a library of its own, so that nothing else links MPI.
#define OMPI_SKIP_MPICXX
#include <mpi.h>

#include <limits>
#include <list>
#include <stdexcept>

#include "sim/cluster/mpi/plugin.h"

namespace fluence::cluster {
namespace {

constexpr int kTag = 1;

// Errors of MPI end the job, as is its default.
class MpiCommunicator : public Communicator {
  public:
    MpiCommunicator() {
        MPI_Init(nullptr, nullptr);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
        MPI_Comm_size(MPI_COMM_WORLD, &size_);
    }
    ~MpiCommunicator() override {
        for (Outgoing& message : outgoing_) {
            MPI_Wait(&message.request, MPI_STATUS_IGNORE);
        }
        MPI_Finalize();
    }
    MpiCommunicator(const MpiCommunicator&) = delete;
    MpiCommunicator& operator=(const MpiCommunicator&) = delete;

    int rank() const override { return rank_; }
    int size() const override { return size_; }
    std::string host() const override {
        char name[MPI_MAX_PROCESSOR_NAME];
        int length = 0;
        MPI_Get_processor_name(name, &length);
        return std::string(name, static_cast<std::size_t>(length));
    }

    void send(int to, const std::string& bytes) override {
        if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
            throw std::length_error("a message to rank " + std::to_string(to) + " is too long");
        }
        drop_sent();
        outgoing_.push_back({bytes, MPI_REQUEST_NULL});
        Outgoing& message = outgoing_.back();
        MPI_Isend(message.bytes.data(), static_cast<int>(message.bytes.size()), MPI_BYTE, to, kTag,
                  MPI_COMM_WORLD, &message.request);
    }

    std::optional<Message> receive() override {
        drop_sent();
        int there = 0;
        MPI_Message handle = MPI_MESSAGE_NULL;
        MPI_Status status;
        MPI_Improbe(MPI_ANY_SOURCE, kTag, MPI_COMM_WORLD, &there, &handle, &status);
        if (there == 0) {
            return std::nullopt;
        }
        int length = 0;
        MPI_Get_count(&status, MPI_BYTE, &length);
        Message message;
        message.from = status.MPI_SOURCE;
        message.bytes.resize(static_cast<std::size_t>(length));
        MPI_Mrecv(message.bytes.data(), length, MPI_BYTE, &handle, MPI_STATUS_IGNORE);
        return message;
    }

  private:
    struct Outgoing {
        std::string bytes;
        MPI_Request request;
    };

    void drop_sent() {
        outgoing_.remove_if([](Outgoing& message) {
            int done = 0;
            MPI_Test(&message.request, &done, MPI_STATUS_IGNORE);
            return done != 0;
        });
    }

    int rank_ = 0, size_ = 1;
    std::list<Outgoing> outgoing_;  // a list, because MPI keeps the addresses
};

}  // namespace
}  // namespace fluence::cluster

// The one symbol that the program looks for.
extern "C" fluence::cluster::Communicator* fluence_open_mpi() {
    return new fluence::cluster::MpiCommunicator();
}
