#include "workloads/image_file.h"

#include <png.h>
#include <turbojpeg.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "sim/core/error.h"

namespace fluence::workloads {
namespace {

constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 28;
constexpr std::int64_t kMaxPixels = std::int64_t{1} << 26;

using Bytes = std::vector<std::uint8_t>;

Bytes read_whole(const std::string& path) {
    std::error_code error;
    const bool regular = std::filesystem::is_regular_file(path, error);
    const auto size = regular ? static_cast<std::int64_t>(std::filesystem::file_size(path, error)) : 0;
    std::ifstream stream(path, std::ios::binary);
    if (!regular || error || !stream) {
        throw InputError(path, "", "cannot be opened for reading");
    }
    if (size > kMaxFileBytes) {
        throw InputError(path, "", "has " + std::to_string(size) + " bytes, too many for an image",
                         "up to " + std::to_string(kMaxFileBytes));
    }
    Bytes bytes(static_cast<std::size_t>(size));
    stream.read(reinterpret_cast<char*>(bytes.data()), size);
    if (!stream) {
        throw InputError(path, "", "cannot be read");
    }
    return bytes;
}

void check_size(std::int64_t width, std::int64_t height, const std::string& path) {
    if (width < 1 || height < 1 || width > kMaxPixels || height > kMaxPixels / width) {
        throw InputError(
            path, "", "is an image of " + std::to_string(width) + " x " + std::to_string(height) + " pixels",
            "1 to " + std::to_string(kMaxPixels) + " pixels");
    }
}

// Interleaved samples (r g b r g b …) to planes.
Image planar(const Shape& shape, const std::uint8_t* samples) {
    Image image{shape, Bytes(static_cast<std::size_t>(shape.elements()))};
    const auto plane = static_cast<std::size_t>(shape.plane());
    const auto channels = static_cast<std::size_t>(shape.channels);
    for (std::size_t c = 0; c < channels; ++c) {
        for (std::size_t p = 0; p < plane; ++p) {
            image.pixels[c * plane + p] = samples[p * channels + c];
        }
    }
    return image;
}

Image decode_png(const Bytes& bytes, const std::string& path) {
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    const std::unique_ptr<png_image, decltype(&png_image_free)> release(&png, &png_image_free);
    if (png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()) == 0) {
        throw InputError(path, "", std::string("is not a valid PNG: ") + png.message);
    }
    check_size(png.width, png.height, path);
    const bool color = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
    png.format = color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    Bytes samples(PNG_IMAGE_SIZE(png));
    const png_color black{0, 0, 0};
    if (png_image_finish_read(&png, &black, samples.data(), 0, nullptr) == 0) {
        throw InputError(path, "", std::string("is not a valid PNG: ") + png.message);
    }
    return planar({color ? 3 : 1, static_cast<int>(png.height), static_cast<int>(png.width)}, samples.data());
}

Image decode_jpeg(const Bytes& bytes, const std::string& path) {
    const std::unique_ptr<void, decltype(&tjDestroy)> handle(tjInitDecompress(), &tjDestroy);
    const auto fail = [&] {
        throw InputError(path, "", std::string("is not a valid JPEG: ") + tjGetErrorStr2(handle.get()));
    };
    int width = 0, height = 0, subsampling = 0, colorspace = 0;
    const auto size = static_cast<unsigned long>(bytes.size());
    if (tjDecompressHeader3(handle.get(), bytes.data(), size, &width, &height, &subsampling, &colorspace) !=
        0) {
        fail();
    }
    check_size(width, height, path);
    if (colorspace == TJCS_CMYK || colorspace == TJCS_YCCK) {
        throw InputError(path, "", "is a CMYK JPEG", "grey, RGB or YCbCr");
    }
    const bool color = colorspace != TJCS_GRAY;
    const Shape shape{color ? 3 : 1, height, width};
    Bytes samples(static_cast<std::size_t>(shape.elements()));
    if (tjDecompress2(handle.get(), bytes.data(), size, samples.data(), width, 0, height,
                      color ? TJPF_RGB : TJPF_GRAY, TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING) != 0) {
        fail();
    }
    return planar(shape, samples.data());
}

// A number of a PGM/PPM header, behind white space and comments; −1 where there is none.
std::int64_t header_number(const Bytes& bytes, std::size_t& at) {
    const auto is_space = [](std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
    while (at < bytes.size() && (is_space(bytes[at]) || bytes[at] == '#')) {
        if (bytes[at] == '#') {
            while (at < bytes.size() && bytes[at] != '\n') {
                ++at;
            }
        } else {
            ++at;
        }
    }
    std::int64_t value = -1;
    for (; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9' && value < kMaxPixels; ++at) {
        value = (value < 0 ? 0 : value) * 10 + (bytes[at] - '0');
    }
    return value;
}

Image decode_pnm(const Bytes& bytes, const std::string& path) {
    std::size_t at = 2;
    const std::int64_t width = header_number(bytes, at);
    const std::int64_t height = header_number(bytes, at);
    const std::int64_t highest = header_number(bytes, at);
    if (width < 0 || height < 0 || highest != 255) {
        throw InputError(path, "", "has no valid PGM/PPM header", "width, height and the maximum 255");
    }
    check_size(width, height, path);
    const Shape shape{bytes[1] == '6' ? 3 : 1, static_cast<int>(height), static_cast<int>(width)};
    ++at;  // one white space
    const std::int64_t found = static_cast<std::int64_t>(bytes.size()) - static_cast<std::int64_t>(at);
    if (found != shape.elements()) {
        throw InputError(path, "", "holds " + std::to_string(found) + " bytes of pixels",
                         std::to_string(shape.elements()));
    }
    return planar(shape, bytes.data() + at);
}

bool begins_with(const Bytes& bytes, const std::string& magic) {
    return bytes.size() >= magic.size() &&
           std::string(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(magic.size())) == magic;
}

}  // namespace

Image read_image(const std::string& path) {
    const Bytes bytes = read_whole(path);
    if (begins_with(bytes, "\x89PNG")) {
        return decode_png(bytes, path);
    }
    if (begins_with(bytes, "\xff\xd8")) {
        return decode_jpeg(bytes, path);
    }
    if (begins_with(bytes, "P5") || begins_with(bytes, "P6")) {
        return decode_pnm(bytes, path);
    }
    throw InputError(path, "", "is not an image of a known format", "PNG, JPEG, binary PGM or PPM");
}

Image in_color(Image image) {
    if (image.shape.channels == 1) {
        const Bytes grey = image.pixels;
        image.shape.channels = 3;
        image.pixels.insert(image.pixels.end(), grey.begin(), grey.end());
        image.pixels.insert(image.pixels.end(), grey.begin(), grey.end());
    }
    return image;
}

}  // namespace fluence::workloads
