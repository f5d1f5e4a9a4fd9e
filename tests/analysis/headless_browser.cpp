#include "headless_browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace fluence::analysis::testing {

namespace {

using nlohmann::json;

constexpr int kTimeoutMilliseconds = 60000;
// The ends of the pipe as Chromium expects them.
constexpr int kBrowserReads = 3, kBrowserWrites = 4;

std::vector<std::string> arguments(const std::string& executable, const std::string& profile) {
    return {executable,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
            "--user-data-dir=" + profile,
            "about:blank"};
}

// In the child: connects the pipes and becomes the browser. Only async-signal-safe calls.
[[noreturn]] void become_browser(std::vector<char*>& argv, int reads, int writes) {
    // Out of the way first: the ends may have the numbers they are to get.
    const int high_reads = fcntl(reads, F_DUPFD, 10), high_writes = fcntl(writes, F_DUPFD, 10);
    dup2(high_reads, kBrowserReads);
    dup2(high_writes, kBrowserWrites);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    setpgid(0, 0);
    execv(argv[0], argv.data());
    _exit(127);
}

std::string decoded_base64(const std::string& text) {
    static const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t buffer = 0;
    int bits = 0;
    for (const char c : text) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string::npos) {
            break;
        }
        buffer = (buffer << 6) | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>((buffer >> bits) & 0xFF);
        }
    }
    return bytes;
}

}  // namespace

std::string HeadlessBrowser::find() {
    if (const char* chosen = std::getenv("FLUENCE_CHROMIUM")) {
        return chosen;
    }
    const char* path = std::getenv("PATH");
    std::stringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
        for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
            const std::string candidate = folder + "/" + name;
            if (access(candidate.c_str(), X_OK) == 0) {
                return candidate;
            }
        }
    }
    return "";
}

HeadlessBrowser::HeadlessBrowser(const std::string& executable, const std::string& profile) {
    std::array<int, 2> to{}, from{};
    if (pipe2(to.data(), O_CLOEXEC) != 0 || pipe2(from.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error("no pipe to the browser");
    }
    std::vector<std::string> words = arguments(executable, profile);
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    signal(SIGPIPE, SIG_IGN);
    process_ = fork();
    if (process_ == 0) {
        become_browser(argv, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    to_browser_ = to[1];
    from_browser_ = from[0];
    const json target = send("Target.createTarget", {{"url", "about:blank"}}, "");
    session_ =
        send("Target.attachToTarget", {{"targetId", target["targetId"]}, {"flatten", true}}, "")["sessionId"];
    for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"}) {
        call(domain);
    }
}

HeadlessBrowser::~HeadlessBrowser() {
    try {
        send("Browser.close", json::object(), "");
    } catch (const std::exception&) {
        // It is killed below in any case.
    }
    close(to_browser_);
    close(from_browser_);
    kill(-process_, SIGKILL);
    waitpid(process_, nullptr, 0);
}

json HeadlessBrowser::receive() {
    for (;;) {
        const std::size_t end = received_.find('\0');
        if (end != std::string::npos) {
            const json message = json::parse(received_.substr(0, end));
            received_.erase(0, end + 1);
            return message;
        }
        pollfd waiting{from_browser_, POLLIN, 0};
        if (poll(&waiting, 1, kTimeoutMilliseconds) <= 0) {
            throw std::runtime_error("the browser does not answer");
        }
        std::array<char, 65536> bytes;
        const ssize_t count = read(from_browser_, bytes.data(), bytes.size());
        if (count <= 0) {
            throw std::runtime_error("the browser has ended");
        }
        received_.append(bytes.data(), static_cast<std::size_t>(count));
    }
}

void HeadlessBrowser::note_event(const json& event) {
    const std::string method = event.value("method", "");
    if (method == "Page.loadEventFired") {
        loaded_ = true;
    } else if (method == "Runtime.exceptionThrown") {
        complaints_.push_back("exception: " + event["params"]["exceptionDetails"].dump());
    } else if (method == "Runtime.consoleAPICalled") {
        const std::string type = event["params"]["type"];
        if (type == "error" || type == "warning" || type == "assert") {
            complaints_.push_back("console: " + event["params"]["args"].dump());
        }
    } else if (method == "Log.entryAdded") {
        complaints_.push_back("log: " + event["params"]["entry"].dump());
    } else if (method == "Network.requestWillBeSent") {
        requests_.push_back(event["params"]["request"]["url"]);
    }
}

json HeadlessBrowser::send(const std::string& method, const json& parameters, const std::string& session) {
    const int id = next_id_++;
    json message = {{"id", id}, {"method", method}, {"params", parameters}};
    if (!session.empty()) {
        message["sessionId"] = session;
    }
    const std::string text = message.dump() + '\0';
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t count = write(to_browser_, text.data() + at, text.size() - at);
        if (count <= 0) {
            throw std::runtime_error("the browser does not listen");
        }
        at += static_cast<std::size_t>(count);
    }
    for (;;) {
        const json answer = receive();
        if (answer.value("id", -1) != id) {
            note_event(answer);
        } else if (answer.contains("error")) {
            throw std::runtime_error(method + ": " + answer["error"].dump());
        } else {
            return answer["result"];
        }
    }
}

json HeadlessBrowser::call(const std::string& method, const json& parameters) {
    return send(method, parameters, session_);
}

json HeadlessBrowser::evaluate(const std::string& expression) {
    const json answer = call("Runtime.evaluate",
                             {{"expression", expression}, {"returnByValue", true}, {"awaitPromise", true}});
    if (answer.contains("exceptionDetails")) {
        throw std::runtime_error(answer["exceptionDetails"].dump());
    }
    return answer["result"].value("value", json());
}

void HeadlessBrowser::set_viewport(int width, int height) {
    call("Emulation.setDeviceMetricsOverride",
         {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
}

void HeadlessBrowser::set_colour_scheme(const std::string& scheme) {
    call("Emulation.setEmulatedMedia",
         {{"features", {{{"name", "prefers-color-scheme"}, {"value", scheme}}}}});
}

void HeadlessBrowser::open(const std::string& url) {
    complaints_.clear();
    requests_.clear();
    loaded_ = false;
    call("Page.navigate", {{"url", url}});
    while (!loaded_) {
        note_event(receive());
    }
}

std::string HeadlessBrowser::screenshot() {
    return decoded_base64(
        call("Page.captureScreenshot", {{"format", "png"}, {"captureBeyondViewport", true}})["data"]);
}

}  // namespace fluence::analysis::testing
