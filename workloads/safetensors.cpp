#include "workloads/safetensors.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/core/error.h"
#include "sim/core/json.h"
#include "workloads/file_output.h"

namespace fluence::workloads {
namespace {

constexpr std::array<Dtype, 6> kDtypes = {Dtype::i8,   Dtype::u8,  Dtype::i16,
                                          Dtype::bf16, Dtype::i32, Dtype::f32};
constexpr std::int64_t kLengthBytes = 8;
constexpr std::int64_t kMaxHeader = 100'000'000;  // the limit of the format's own implementation

std::string shown(const Extents& shape) {
    std::string text = "[";
    for (const std::int64_t extent : shape) {
        text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    }
    return text + "]";
}

// Parses the header; an object key that occurs twice is an error, where nlohmann alone keeps the last.
nlohmann::json parse_header(const std::string& text, const std::string& file) {
    std::vector<std::set<std::string>> keys;
    const auto on_event = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
        if (event == nlohmann::json::parse_event_t::object_start) {
            keys.emplace_back();
        } else if (event == nlohmann::json::parse_event_t::object_end) {
            keys.pop_back();
        } else if (event == nlohmann::json::parse_event_t::key &&
                   !keys.back().insert(parsed.get<std::string>()).second) {
            throw InputError(file, "header", "has the key \"" + parsed.get<std::string>() + "\" twice");
        }
        return true;
    };
    try {
        return nlohmann::json::parse(text, on_event);
    } catch (const nlohmann::json::exception&) {
        throw InputError(file, "header", "is not valid JSON");
    }
}

std::int64_t extent_of(const nlohmann::json& value, JsonObject& entry, const std::string& key) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > (std::uint64_t{1} << 62)) {
        entry.fail(key, "holds " + value.dump() + " where an integer of at least 0 is needed");
    }
    return value.get<std::int64_t>();
}

Extents extents(JsonObject& entry, const std::string& key) {
    const nlohmann::json& list = entry.raw(key);
    if (!list.is_array() || list.size() > 16) {
        entry.fail(key, "is not a list of at most 16 integers");
    }
    Extents values;
    for (const nlohmann::json& value : list) {
        values.push_back(extent_of(value, entry, key));
    }
    return values;
}

SafetensorsEntry parse_entry(JsonObject object, std::int64_t data_bytes) {
    SafetensorsEntry entry;
    std::vector<std::string> names;
    for (const Dtype dtype : kDtypes) {
        names.emplace_back(name_of(dtype));
    }
    const std::string dtype = object.choice("dtype", names);
    entry.dtype =
        kDtypes[static_cast<std::size_t>(std::find(names.begin(), names.end(), dtype) - names.begin())];
    entry.shape = extents(object, "shape");
    const Extents offsets = extents(object, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_bytes) {
        object.fail("data_offsets", "is " + shown(offsets),
                    "[begin, end] within the " + std::to_string(data_bytes) + " bytes of data");
    }
    entry.begin = offsets[0];
    entry.end = offsets[1];
    std::int64_t bytes = bytes_of(entry.dtype);
    for (const std::int64_t extent : entry.shape) {
        // Once above the file's size it stays wrong (or becomes 0 by a later extent of 0).
        bytes = extent == 0 ? 0 : (bytes > data_bytes / extent ? data_bytes + 1 : bytes * extent);
        if (bytes == 0) {
            break;
        }
    }
    if (bytes != entry.end - entry.begin) {
        object.fail("data_offsets", "spans " + std::to_string(entry.end - entry.begin) +
                                        " bytes, and shape " + shown(entry.shape) + " of " + dtype +
                                        " does not");
    }
    object.finish();
    return entry;
}

// The data is covered once, without gaps.
void check_cover(const std::map<std::string, SafetensorsEntry>& entries, std::int64_t data_bytes,
                 const std::string& file) {
    std::vector<std::pair<std::int64_t, std::string>> order;
    for (const auto& [name, entry] : entries) {
        if (entry.begin != entry.end) {
            order.emplace_back(entry.begin, name);
        }
    }
    std::sort(order.begin(), order.end());
    std::int64_t covered = 0;
    for (const auto& [begin, name] : order) {
        if (begin != covered) {
            throw InputError(
                file, name + ".data_offsets",
                "begins at " + std::to_string(begin) +
                    (begin < covered ? " and overlaps the tensor in front of it" : " and leaves a gap"),
                std::to_string(covered));
        }
        covered = entries.at(name).end;
    }
    if (covered != data_bytes) {
        throw InputError(file, "header",
                         "describes " + std::to_string(covered) + " bytes of data, and the file holds " +
                             std::to_string(data_bytes));
    }
}

}  // namespace

const char* name_of(Dtype dtype) {
    switch (dtype) {
        case Dtype::i8:
            return "I8";
        case Dtype::u8:
            return "U8";
        case Dtype::i16:
            return "I16";
        case Dtype::bf16:
            return "BF16";
        case Dtype::i32:
            return "I32";
        case Dtype::f32:
            return "F32";
    }
    throw std::logic_error("unknown tensor type");
}

int bytes_of(Dtype dtype) {
    switch (dtype) {
        case Dtype::i8:
        case Dtype::u8:
            return 1;
        case Dtype::i16:
        case Dtype::bf16:
            return 2;
        case Dtype::i32:
        case Dtype::f32:
            return 4;
    }
    throw std::logic_error("unknown tensor type");
}

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path), stream_(path, std::ios::binary) {
    stream_.seekg(0, std::ios::end);
    size_ = static_cast<std::int64_t>(stream_.tellg());
    if (!stream_ || size_ < 0) {
        throw InputError(path_, "", "cannot be opened for reading");
    }
    read_header();
}

void SafetensorsFile::read_header() {
    if (size_ < kLengthBytes) {
        throw InputError(path_, "header", "is truncated: the file has " + std::to_string(size_) + " bytes");
    }
    std::array<std::uint8_t, kLengthBytes> bytes{};
    read_bytes(0, bytes.data(), kLengthBytes);
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        length |= std::uint64_t{bytes[i]} << (8 * i);
    }
    const std::int64_t highest = std::min(kMaxHeader, size_ - kLengthBytes);
    if (length < 2 || length > static_cast<std::uint64_t>(highest)) {
        throw InputError(path_, "header length",
                         "is " + std::to_string(length) + " in a file of " + std::to_string(size_) + " bytes",
                         "2 to " + std::to_string(highest));
    }
    std::string text(static_cast<std::size_t>(length), '\0');
    read_bytes(kLengthBytes, text.data(), static_cast<std::int64_t>(length));
    data_begin_ = kLengthBytes + static_cast<std::int64_t>(length);

    const nlohmann::json header = parse_header(text, path_);
    if (!header.is_object()) {
        throw InputError(path_, "header", "is not a JSON object");
    }
    for (const auto& [name, value] : header.items()) {
        if (name != "__metadata__") {
            entries_.emplace(name, parse_entry(JsonObject(value, path_, name), size_ - data_begin_));
        }
    }
    check_cover(entries_, size_ - data_begin_, path_);
}

void SafetensorsFile::read_bytes(std::int64_t offset, void* target, std::int64_t bytes) {
    stream_.clear();
    stream_.seekg(offset);
    stream_.read(static_cast<char*>(target), bytes);
    if (!stream_) {
        throw InputError(path_, "byte " + std::to_string(offset), "cannot be read");
    }
}

std::uint32_t SafetensorsFile::crc32() {
    std::vector<char> chunk(1 << 20);
    uLong crc = 0;
    for (std::int64_t offset = 0; offset < size_; offset += static_cast<std::int64_t>(chunk.size())) {
        const std::int64_t bytes = std::min(static_cast<std::int64_t>(chunk.size()), size_ - offset);
        read_bytes(offset, chunk.data(), bytes);
        crc = ::crc32_z(crc, reinterpret_cast<const Bytef*>(chunk.data()), static_cast<std::size_t>(bytes));
    }
    return static_cast<std::uint32_t>(crc);
}

const SafetensorsEntry& SafetensorsFile::require(const std::string& name, Dtype dtype) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
        throw InputError(path_, name, "is missing");
    }
    if (found->second.dtype != dtype) {
        throw InputError(path_, name, std::string("has type ") + name_of(found->second.dtype),
                         name_of(dtype));
    }
    return found->second;
}

std::vector<std::uint32_t> SafetensorsFile::read_bits(const std::string& name, Dtype dtype,
                                                      const Extents& shape) {
    const SafetensorsEntry& entry = require(name, dtype);
    require_shape(name, entry, shape);
    const auto size = static_cast<std::size_t>(bytes_of(dtype));
    std::vector<std::uint8_t> bytes = load<std::uint8_t>(entry, entry.end - entry.begin);
    std::vector<std::uint32_t> words(bytes.size() / size);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        words[i / size] |= std::uint32_t{bytes[i]} << (8 * (i % size));
    }
    return words;
}

void SafetensorsFile::require_shape(const std::string& name, const SafetensorsEntry& entry,
                                    const Extents& shape) const {
    if (entry.shape != shape) {
        throw InputError(path_, name, "has shape " + shown(entry.shape), shown(shape));
    }
}

void SafetensorsWriter::add(const std::string& name, Dtype dtype, Extents shape, const void* data,
                            std::int64_t elements) {
    std::int64_t wanted = 1;
    for (const std::int64_t extent : shape) {
        wanted *= extent;
    }
    if (wanted != elements) {
        throw std::logic_error("tensor \"" + name + "\" has " + std::to_string(elements) +
                               " values for shape " + shown(shape));
    }
    Item item{name, dtype, std::move(shape), data, elements * bytes_of(dtype)};
    const auto behind = [](const Item& a, const Item& b) {
        return std::make_pair(-bytes_of(a.dtype), a.name) < std::make_pair(-bytes_of(b.dtype), b.name);
    };
    items_.insert(std::upper_bound(items_.begin(), items_.end(), item, behind), std::move(item));
}

std::string SafetensorsWriter::header() const {
    nlohmann::json header = nlohmann::json::object();
    std::int64_t offset = 0;
    for (const Item& item : items_) {
        header[item.name] = {{"dtype", name_of(item.dtype)},
                             {"shape", item.shape},
                             {"data_offsets", {offset, offset + item.bytes}}};
        offset += item.bytes;
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    std::string front;
    for (int i = 0; i < kLengthBytes; ++i) {
        front += static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i) & 255u);
    }
    return front + text;
}

void write_safetensors(const SafetensorsWriter& writer, const std::string& path) {
    FileOutput output(path);
    writer.write([&](const char* data, std::size_t bytes) { output.write(data, bytes); });
    output.close();
}

}  // namespace fluence::workloads
