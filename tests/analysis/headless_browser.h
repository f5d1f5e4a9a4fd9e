// Chromium without a window, driven over the DevTools protocol on a pipe (--remote-debugging-pipe): messages
// are JSON texts that end in a zero byte.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fluence::analysis::testing {

class HeadlessBrowser {
  public:
    // Path of a Chromium: $FLUENCE_CHROMIUM or the first of the usual names in $PATH; empty: none.
    static std::string find();

    // Starts `executable` with one empty page; `profile` is an empty folder of its own.
    HeadlessBrowser(const std::string& executable, const std::string& profile);
    ~HeadlessBrowser();
    HeadlessBrowser(const HeadlessBrowser&) = delete;
    HeadlessBrowser& operator=(const HeadlessBrowser&) = delete;

    // Calls a method of the page's session. Throws std::runtime_error on an error or after 60 s.
    nlohmann::json call(const std::string& method,
                        const nlohmann::json& parameters = nlohmann::json::object());
    // Value of a JavaScript expression in the page; promises are awaited.
    nlohmann::json evaluate(const std::string& expression);
    void set_viewport(int width, int height);
    void set_colour_scheme(const std::string& scheme);  // "light" or "dark"
    void open(const std::string& url);                  // returns when the page is loaded
    // The whole page as PNG.
    std::string screenshot();

    // Console messages of level error or warning, uncaught exceptions and log entries since open().
    const std::vector<std::string>& complaints() const { return complaints_; }
    // Addresses that the page asked for since open().
    const std::vector<std::string>& requests() const { return requests_; }

  private:
    nlohmann::json send(const std::string& method, const nlohmann::json& parameters,
                        const std::string& session);
    nlohmann::json receive();
    void note_event(const nlohmann::json& event);

    pid_t process_ = -1;
    int to_browser_ = -1, from_browser_ = -1;
    int next_id_ = 1;
    std::string received_;
    std::string session_;
    bool loaded_ = false;
    std::vector<std::string> complaints_, requests_;
};

}  // namespace fluence::analysis::testing
