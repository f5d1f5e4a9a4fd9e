// The safetensors file format (https://github.com/huggingface/safetensors): an 8-byte little-endian header
// length, a JSON header {"name": {"dtype", "shape", "data_offsets": [begin, end]}}, then the data, row-major
// and little endian, without gaps. Python users open such a file with safetensors.numpy.load_file.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace fluence::workloads {

enum class Dtype { i8, u8, i16, bf16, i32, f32 };
const char* name_of(Dtype dtype);  // "I8", "U8", "I16", "BF16", "I32", "F32"
int bytes_of(Dtype dtype);

template <class T>
Dtype dtype_of();
template <>
constexpr Dtype dtype_of<std::int8_t>() {
    return Dtype::i8;
}
template <>
constexpr Dtype dtype_of<std::uint8_t>() {
    return Dtype::u8;
}
template <>
constexpr Dtype dtype_of<std::int32_t>() {
    return Dtype::i32;
}
template <>
constexpr Dtype dtype_of<float>() {
    return Dtype::f32;
}

using Extents = std::vector<std::int64_t>;

struct SafetensorsEntry {
    Dtype dtype = Dtype::u8;
    Extents shape;
    std::int64_t begin = 0, end = 0;  // bytes, from the start of the data
    std::int64_t elements() const { return (end - begin) / bytes_of(dtype); }
};

// A file opened for reading. The constructor checks the whole header against the file's true size; tensors
// are read one by one, so nothing is allocated that the file does not hold.
class SafetensorsFile {
  public:
    explicit SafetensorsFile(const std::string& path);

    const std::map<std::string, SafetensorsEntry>& entries() const { return entries_; }
    bool has(const std::string& name) const { return entries_.count(name) != 0; }
    std::int64_t size() const { return size_; }  // bytes of the file
    std::uint32_t crc32();                       // zlib's, of the whole file

    // Throw InputError(file, name, reason) where the tensor is missing or has another type or shape.
    template <class T>
    std::vector<T> read(const std::string& name, const Extents& shape) {
        const SafetensorsEntry& entry = require(name, dtype_of<T>());
        require_shape(name, entry, shape);
        return load<T>(entry);
    }
    // The bits of each element, in the low bits of a word.
    std::vector<std::uint32_t> read_bits(const std::string& name, Dtype dtype, const Extents& shape);
    // Of whatever shape.
    template <class T>
    std::vector<T> read(const std::string& name) {
        return load<T>(require(name, dtype_of<T>()));
    }

  private:
    void read_header();
    const SafetensorsEntry& require(const std::string& name, Dtype dtype) const;
    void require_shape(const std::string& name, const SafetensorsEntry& entry, const Extents& shape) const;
    void read_bytes(std::int64_t offset, void* target, std::int64_t bytes);
    template <class T>
    std::vector<T> load(const SafetensorsEntry& entry) {
        return load<T>(entry, entry.elements());
    }
    template <class T>
    std::vector<T> load(const SafetensorsEntry& entry, std::int64_t elements) {
        std::vector<T> values(static_cast<std::size_t>(elements));
        read_bytes(data_begin_ + entry.begin, values.data(), entry.end - entry.begin);
        return values;
    }

    std::string path_;
    std::ifstream stream_;
    std::int64_t size_ = 0;
    std::int64_t data_begin_ = 0;
    std::map<std::string, SafetensorsEntry> entries_;
};

// Collects tensors and writes them: wide types first, then by name, so that the same tensors always give the
// same bytes and every tensor is aligned.
class SafetensorsWriter {
  public:
    // Copies nothing: `values` must live until write().
    template <class T>
    void add(const std::string& name, Extents shape, const std::vector<T>& values) {
        add(name, dtype_of<T>(), std::move(shape), values.data(), static_cast<std::int64_t>(values.size()));
    }
    template <class T>
    void add(const std::string& name, Extents shape, std::vector<T>&& values) = delete;

    // Elements of `dtype` as the file holds them: little endian.
    void add(const std::string& name, Dtype dtype, Extents shape, const void* data, std::int64_t elements);

    // The 8 bytes of length and the header.
    std::string header() const;
    // Calls sink(pointer, bytes) for header and data in the order of the file.
    template <class Sink>
    void write(Sink sink) const {
        const std::string front = header();
        sink(front.data(), front.size());
        for (const Item& item : items_) {
            sink(static_cast<const char*>(item.data), static_cast<std::size_t>(item.bytes));
        }
    }

  private:
    struct Item {
        std::string name;
        Dtype dtype;
        Extents shape;
        const void* data;
        std::int64_t bytes;
    };

    std::vector<Item> items_;  // in the order of the file
};

// Throws InputError (full disk, read-only folder).
void write_safetensors(const SafetensorsWriter& writer, const std::string& path);

}  // namespace fluence::workloads
