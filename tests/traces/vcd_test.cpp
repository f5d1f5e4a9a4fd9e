// Value change dumps, read back by a strict reader of the grammar (IEEE 1364-2005, 18.2.1).
#include "traces/vcd.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "sim/core/random.h"
#include "traces/timeline_vcd.h"

namespace fluence::traces {
namespace {

struct Dump {
    std::map<std::string, std::string> path_of;                                        // by identifier code
    std::map<std::string, int> width;                                                  // by path
    std::map<std::string, std::vector<std::pair<std::int64_t, std::string>>> changes;  // by path
    std::int64_t end = -1;
};

// Fails the test at anything the grammar does not allow.
class Reader {
  public:
    explicit Reader(const std::string& text) : stream_(text) {}

    Dump read() {
        std::string word;
        while (stream_ >> word && word != "$enddefinitions") {
            declaration(word);
        }
        EXPECT_EQ(word, "$enddefinitions");
        expect("$end");
        EXPECT_TRUE(scopes_.empty());
        bool dumping = false;
        while (stream_ >> word) {
            if (word[0] == '#') {
                const std::int64_t time = std::stoll(word.substr(1));
                EXPECT_GT(time, dump_.end);
                dump_.end = time;
            } else if (word == "$dumpvars") {
                dumping = true;
            } else if (word == "$end") {
                EXPECT_TRUE(dumping);
                dumping = false;
            } else {
                change(word);
            }
        }
        return dump_;
    }

  private:
    void expect(const std::string& wanted) {
        std::string word;
        stream_ >> word;
        EXPECT_EQ(word, wanted);
    }
    std::string next() {
        std::string word;
        EXPECT_TRUE(stream_ >> word);
        return word;
    }
    void declaration(const std::string& word) {
        if (word == "$scope") {
            EXPECT_EQ(next(), "module");
            scopes_.push_back(next());
            expect("$end");
        } else if (word == "$upscope") {
            ASSERT_FALSE(scopes_.empty());
            scopes_.pop_back();
            expect("$end");
        } else if (word == "$var") {
            EXPECT_EQ(next(), "wire");
            const int width = std::stoi(next());
            const std::string code = next();
            for (const char c : code) {
                EXPECT_TRUE(c >= '!' && c <= '~');
            }
            std::string path;
            for (const std::string& scope : scopes_) {
                path += scope + ".";
            }
            path += next();
            if (width > 1) {
                EXPECT_EQ(next(), "[" + std::to_string(width - 1) + ":0]");
            }
            expect("$end");
            EXPECT_TRUE(dump_.path_of.emplace(code, path).second) << "code " << code << " twice";
            EXPECT_TRUE(dump_.width.emplace(path, width).second) << path << " twice";
        } else {
            EXPECT_TRUE(word == "$version" || word == "$comment" || word == "$timescale") << word;
            while (next() != "$end") {
            }
        }
    }
    void change(const std::string& word) {
        EXPECT_GE(dump_.end, 0) << "a change in front of the first time";
        std::string value, code;
        if (word[0] == 'b') {
            value = word.substr(1);
            code = next();
        } else {
            value = word.substr(0, 1);
            code = word.substr(1);
        }
        ASSERT_EQ(dump_.path_of.count(code), 1u) << word;
        const std::string& path = dump_.path_of.at(code);
        EXPECT_EQ(word[0] == 'b', dump_.width.at(path) > 1);
        EXPECT_LE(value.size(), static_cast<std::size_t>(dump_.width.at(path)));
        EXPECT_EQ(value.find_first_not_of(word[0] == 'b' && value != "x" ? "01" : "01x"), std::string::npos);
        auto& list = dump_.changes[path];
        EXPECT_TRUE(list.empty() || list.back().first < dump_.end || list.back().second == "x")
            << path << " twice at " << dump_.end;
        list.emplace_back(dump_.end, value);
    }

    std::istringstream stream_;
    std::vector<std::string> scopes_;
    Dump dump_;
};

TEST(Vcd, ManySignalsReadBack) {
    constexpr std::uint64_t kSeed = 12;
    RandomStream random(kSeed, RandomPurpose::testing, 0);
    std::vector<VcdSignal> signals;
    for (int i = 0; i < 300; ++i) {
        signals.push_back({(i % 3 == 0   ? "a.b."
                            : i % 3 == 1 ? "a."
                                         : "") +
                               std::string("s") + std::to_string(i),
                           1 + static_cast<int>(random.below(64))});
    }
    std::ostringstream stream;
    VcdWriter writer(stream, "a $end of no comment", 5000, signals);
    std::vector<std::uint64_t> values(signals.size());
    for (std::int64_t cycle = 0; cycle < 20; ++cycle) {
        for (std::size_t i = 0; i < signals.size(); ++i) {
            values[i] = random.next64() >> (64 - signals[i].width);
            writer.change(cycle, i, values[i]);
        }
    }
    writer.finish(30);
    const Dump dump = Reader(stream.str()).read();
    EXPECT_EQ(dump.path_of.size(), signals.size());
    EXPECT_EQ(dump.end, 30 * 5000);
    for (std::size_t i = 0; i < signals.size(); ++i) {
        const auto& last = dump.changes.at(signals[i].path).back();
        EXPECT_EQ(std::stoull(last.second, nullptr, 2), values[i]) << signals[i].path;
        EXPECT_EQ(last.first % 5000, 0);
    }
}

TEST(Vcd, UnchangedValuesAreNotWrittenAgain) {
    std::ostringstream stream;
    VcdWriter writer(stream, "", 1000, {{"x", 4}});
    writer.change(1, 0, 5);
    writer.change(2, 0, 5);
    writer.change(3, 0, 6);
    writer.finish(4);
    const Dump dump = Reader(stream.str()).read();
    using Changes = std::vector<std::pair<std::int64_t, std::string>>;
    EXPECT_EQ(dump.changes.at("x"), (Changes{{1000, "x"}, {1000, "101"}, {3000, "110"}}));
    EXPECT_THROW(writer.change(1, 0, 9), std::logic_error);
}

TEST(Vcd, TimelineSignals) {
    Timeline timeline;
    timeline.cycles = 100;
    Fold fold;
    fold.preload = 10;
    fold.stream = 20;
    fold.end = 40;
    timeline.folds = {fold, fold};
    timeline.folds[1].preload = 30;
    timeline.folds[1].stream = 38;
    timeline.folds[1].end = 50;
    timeline.layers.resize(1);
    timeline.stalls = {{layer_id(0), StallCause::drain, 5, 9}};
    Load load;
    load.begin = 2;
    load.latency = 3;
    load.segments = {{0, 8, 4}};
    timeline.loads = {load};
    TraceContext context;
    context.clock_mhz = 1000;  // 1 ns a cycle
    context.half_words[index_of(Memory::weight_buffer)] = 8;
    std::ostringstream stream;
    EXPECT_EQ(write_vcd(stream, timeline, context, "*"), vcd_signals().size());
    const Dump dump = Reader(stream.str()).read();
    EXPECT_EQ(dump.end, 100000);
    EXPECT_EQ(dump.width.size(), vcd_signals().size());
    const auto at = [&](const std::string& path, std::int64_t cycle) {
        std::string value;
        for (const auto& [time, now] : dump.changes.at(path)) {
            value = time <= cycle * 1000 ? now : value;
        }
        return value;
    };
    EXPECT_EQ(at("array.busy", 19), "0");
    EXPECT_EQ(at("array.busy", 20), "1");
    EXPECT_EQ(at("array.busy", 45), "1");  // the second fold, without a gap
    EXPECT_EQ(at("array.busy", 50), "0");
    EXPECT_EQ(at("array.fold", 37), "0");
    EXPECT_EQ(at("array.fold", 38), "1");
    EXPECT_EQ(at("array.preloading", 37), "1");
    EXPECT_EQ(at("array.preloading", 38), "0");
    EXPECT_EQ(at("stall.drain", 8), "1");
    EXPECT_EQ(at("stall.drain", 9), "0");
    EXPECT_EQ(at("dma.read_busy", 5), "1");  // words in cycles 2 to 5
    EXPECT_EQ(at("dma.read_busy", 6), "0");
    EXPECT_EQ(at("weight_buffer.half1.filling", 8), "1");  // written at edges 6 to 9
    EXPECT_EQ(at("weight_buffer.half1.filling", 9), "0");
    EXPECT_EQ(at("weight_buffer.half1.words", 8), "0");
    EXPECT_EQ(at("weight_buffer.half1.words", 9), "100");
    EXPECT_EQ(at("weight_buffer.half0.words", 99), "0");
}

TEST(Vcd, PatternsChooseSignals) {
    std::ostringstream stream;
    EXPECT_EQ(write_vcd(stream, Timeline(), TraceContext(), "array.*"), 3u);
    for (const auto& [path, width] : Reader(stream.str()).read().width) {
        EXPECT_EQ(path.substr(0, 6), "array.");
    }
    std::ostringstream none;
    EXPECT_EQ(write_vcd(none, Timeline(), TraceContext(), "nosuch*"), 0u);
    EXPECT_EQ(none.str(), "");
    EXPECT_TRUE(matches("a.b.c", "a*c"));
    EXPECT_TRUE(matches("pe[3]", "pe?3?"));
    EXPECT_FALSE(matches("a.b", "a"));
}

}  // namespace
}  // namespace fluence::traces
