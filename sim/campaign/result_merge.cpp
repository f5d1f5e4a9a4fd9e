#include <algorithm>
#include <filesystem>

#include "sim/campaign/file_lock.h"
#include "sim/campaign/result_order.h"
#include "sim/campaign/result_schema.h"
#include "sim/campaign/result_store.h"
#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

std::string text_of(const Shard& shard) {
    return std::to_string(shard.index + 1) + "/" + std::to_string(shard.count);
}

// Opens a shard's file and reads its header; InputError unless it is a finished shard.
CampaignHeader open_shard(const std::string& path, std::vector<Database>& files) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored) && std::filesystem::exists(partial_path(path), ignored)) {
        throw InputError(path, "", "is not finished (" + partial_path(path) + " is there)",
                         "the command that ran the shard resumes it");
    }
    files.emplace_back(path, Database::Open::read);
    check_schema(files.back());
    CampaignHeader header = read_header(files.back());
    if (header.shard.whole()) {
        throw InputError(path, "", "is not a shard but a whole campaign",
                         "files of fluence run EXPERIMENT --shard i/n");
    }
    const std::int64_t batches = files.back().integer("SELECT count(*) FROM batch");
    const std::int64_t expected = header.shard.size(header.batches);
    if (batches != expected) {
        throw InputError(
            path, "",
            "is not finished (" + std::to_string(batches) + " of " + std::to_string(expected) + " batches)",
            "the command that ran shard " + text_of(header.shard) + " resumes it");
    }
    return header;
}

void require_same_campaign(const std::string& path, CampaignHeader header, const std::string& first_path,
                           const CampaignHeader& first) {
    if (header.shard.count != first.shard.count) {
        throw InputError(
            path, "",
            "is shard " + text_of(header.shard) + ", but " + first_path + " is shard " + text_of(first.shard),
            "shards of one campaign, cut into equally many");
    }
    header.shard = first.shard;
    const nlohmann::json difference = nlohmann::json::diff(to_json(first), to_json(header));
    if (!difference.empty()) {
        throw InputError(path, "",
                         "is a shard of another campaign than " + first_path + " (they differ at " +
                             difference[0]["path"].get<std::string>() + ")",
                         "shards of one experiment, workload and version of the program");
    }
}

// Opens all files and checks that each shard of one campaign is there once; returns the campaign's header.
CampaignHeader open_all(const std::vector<std::string>& paths, std::vector<Database>& files) {
    if (paths.empty()) {
        throw InputError("merge", "", "there are no shards to merge");
    }
    CampaignHeader first = open_shard(paths[0], files);
    std::vector<std::string> found(static_cast<std::size_t>(first.shard.count));
    found[static_cast<std::size_t>(first.shard.index)] = paths[0];
    for (std::size_t i = 1; i < paths.size(); ++i) {
        const CampaignHeader header = open_shard(paths[i], files);
        require_same_campaign(paths[i], header, paths[0], first);
        std::string& place = found[static_cast<std::size_t>(header.shard.index)];
        if (!place.empty()) {
            throw InputError(paths[i], "", "is shard " + text_of(header.shard) + ", and so is " + place,
                             "each shard once");
        }
        place = paths[i];
    }
    std::string missing;
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (found[i].empty()) {
            missing +=
                (missing.empty() ? "" : ", ") + text_of({static_cast<std::int64_t>(i), first.shard.count});
        }
    }
    if (!missing.empty()) {
        throw InputError(paths[0], "", "its campaign is not complete: missing are the shards " + missing,
                         "all shards of the campaign");
    }
    first.shard = {};
    return first;
}

}  // namespace

void merge_shards(const std::string& path, const std::vector<std::string>& shards) {
    std::vector<Database> files;
    const CampaignHeader header = open_all(shards, files);
    make_folder_of(path);
    const std::string partial = partial_path(path);
    std::error_code ignored;
    for (const std::string& there : {path, partial}) {
        if (std::filesystem::exists(there, ignored)) {
            throw InputError(there, "", "is there already", "another output, or --force to replace it");
        }
    }
    FileLock lock(partial);  // nobody starts the campaign in one meanwhile
    try {
        write_ordered(path, header, files);
    } catch (...) {
        remove_database(partial);
        throw;
    }
    remove_database(partial);
}

}  // namespace fluence::campaign
