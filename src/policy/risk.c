/*
 * risk.c - the tables of what is dangerous, and looking for it in requests.
 *
 * Of a call every string counts, wherever it stands: as a path if it looks like one, as a
 * command if it says so by its name or its tool, as a URL. Reads no file; whether a link leads
 * out of the workspace is seen when the file is looked at.
 */
#include "policy/risk.h"

#include "policy/args.h"
#include "policy/host.h"
#include "policy/rule.h"

#define LARGE_BYTES 65536

static const struct {
    enum risk risk;
    const char *text;
} hazards[HAZARD_COUNT] = {
        [HAZARD_LOOKALIKE] = {RISK_HIGH, "looks like another name"},
        [HAZARD_INVISIBLE] = {RISK_HIGH, "holds invisible characters"},
        [HAZARD_PRIVATE] = {RISK_HIGH, "a private or metadata address"},
        [HAZARD_CREDENTIAL] = {RISK_HIGH, "a place of credentials"},
        [HAZARD_OUTSIDE] = {RISK_HIGH, "outside the workspace"},
        [HAZARD_HOOK] = {RISK_HIGH, "runs by itself later: hook, workflow or start-up file"},
        [HAZARD_HISTORY] = {RISK_HIGH, "rewrites history"},
        [HAZARD_DELETES] = {RISK_HIGH, "deletes"},
        [HAZARD_LEAVES] = {RISK_MED, "leaves this machine"},
        [HAZARD_TUNNEL] = {RISK_MED, "raw tunnel: its bytes cannot be looked into"},
        [HAZARD_EXECUTABLE] = {RISK_MED, "makes something executable"},
        [HAZARD_LARGE] = {RISK_MED, "larger than 64 KiB"},
        [HAZARD_FIRST] = {RISK_LOW, "for the first time in this session"},
};

const char *hazard_text(enum hazard hazard)
{
    return hazards[hazard].text;
}

enum risk hazard_risk(enum hazard hazard)
{
    return hazards[hazard].risk;
}

enum risk hazards_risk(uint32_t set)
{
    enum risk risk = RISK_LOW;

    for (unsigned i = 0; i < HAZARD_COUNT; i++)
        if (set & hazard_bit((enum hazard)i) && hazards[i].risk > risk)
            risk = hazards[i].risk;
    return risk;
}

/* --- net -------------------------------------------------------------------------------- */

uint32_t hazards_of_net(const struct policy *policy, const struct net_request *req)
{
    bool is_connect = str_eq(req->method, STR("CONNECT"));
    bool is_reading = str_eq(req->method, STR("GET")) || str_eq(req->method, STR("HEAD"));
    char why[240];
    uint32_t set = is_reading ? 0 : hazard_bit(HAZARD_LEAVES);

    if (is_connect)
        set |= hazard_bit(HAZARD_TUNNEL);
    if (host_is_lookalike(req->host) || host_taken_for(policy, req->host))
        set |= hazard_bit(HAZARD_LOOKALIKE);
    if (host_is_forbidden(req->host, why, sizeof(why)))
        set |= hazard_bit(HAZARD_PRIVATE);
    return set;
}

/* --- words ------------------------------------------------------------------------------ */

/* A word with what it says. In names of tools and arguments words are letters between anything
 * else ("git_push", "deleteFile"); of a command, what stands between blanks. */
struct sign {
    const char *word;
    enum hazard hazard;
};

static const struct sign tool_signs[] = {
        {"delete", HAZARD_DELETES},
        {"remove", HAZARD_DELETES},
        {"unlink", HAZARD_DELETES},
        {"rmdir", HAZARD_DELETES},
        {"rm", HAZARD_DELETES},
        {"drop", HAZARD_DELETES},
        {"purge", HAZARD_DELETES},
        {"destroy", HAZARD_DELETES},
        {"truncate", HAZARD_DELETES},
        {"push", HAZARD_LEAVES},
        {"publish", HAZARD_LEAVES},
        {"send", HAZARD_LEAVES},
        {"post", HAZARD_LEAVES},
        {"upload", HAZARD_LEAVES},
        {"fetch", HAZARD_LEAVES},
        {"download", HAZARD_LEAVES},
        {"http", HAZARD_LEAVES},
        {"mail", HAZARD_LEAVES},
        {"email", HAZARD_LEAVES},
        {"deploy", HAZARD_LEAVES},
        {"rebase", HAZARD_HISTORY},
        {"amend", HAZARD_HISTORY},
        {"force", HAZARD_HISTORY},
        {"chmod", HAZARD_EXECUTABLE},
};

static const struct sign command_signs[] = {
        {"rm", HAZARD_DELETES},
        {"rmdir", HAZARD_DELETES},
        {"unlink", HAZARD_DELETES},
        {"shred", HAZARD_DELETES},
        {"dd", HAZARD_DELETES},
        {"truncate", HAZARD_DELETES},
        {"-delete", HAZARD_DELETES},
        {"clean", HAZARD_DELETES},
        {"push", HAZARD_LEAVES},
        {"publish", HAZARD_LEAVES},
        {"curl", HAZARD_LEAVES},
        {"wget", HAZARD_LEAVES},
        {"nc", HAZARD_LEAVES},
        {"ncat", HAZARD_LEAVES},
        {"socat", HAZARD_LEAVES},
        {"ssh", HAZARD_LEAVES},
        {"scp", HAZARD_LEAVES},
        {"sftp", HAZARD_LEAVES},
        {"rsync", HAZARD_LEAVES},
        {"ftp", HAZARD_LEAVES},
        {"mail", HAZARD_LEAVES},
        {"--force", HAZARD_HISTORY},
        {"--force-with-lease", HAZARD_HISTORY},
        {"--hard", HAZARD_HISTORY},
        {"--amend", HAZARD_HISTORY},
        {"--mirror", HAZARD_HISTORY},
        {"rebase", HAZARD_HISTORY},
        {"filter-branch", HAZARD_HISTORY},
        {"filter-repo", HAZARD_HISTORY},
        {"reflog", HAZARD_HISTORY},
        {"chmod", HAZARD_EXECUTABLE},
        {"crontab", HAZARD_HOOK},
        {"systemctl", HAZARD_HOOK},
        {"sudo", HAZARD_OUTSIDE},
        {"su", HAZARD_OUTSIDE},
        {"doas", HAZARD_OUTSIDE},
};

static uint32_t sign_of(struct str word, const struct sign *signs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_icase(word, str_of(signs[i].word)))
            return hazard_bit(signs[i].hazard);
    return 0;
}

/* The next word of a name: letters, a new one at a capital behind a small letter. */
static bool name_word(struct str *rest, struct str *ret)
{
    while (rest->n && !((char_lower(*rest->p) >= 'a' && char_lower(*rest->p) <= 'z'))) {
        rest->p++;
        rest->n--;
    }
    size_t n = 0;
    while (n < rest->n && char_lower(rest->p[n]) >= 'a' && char_lower(rest->p[n]) <= 'z' &&
            !(n > 0 && rest->p[n] < 'a' && rest->p[n - 1] >= 'a'))
        n++;
    *ret = (struct str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return n > 0;
}

static uint32_t of_name(struct str name)
{
    struct str word;
    uint32_t set = 0;

    while (name_word(&name, &word))
        set |= sign_of(word, tool_signs, sizeof(tool_signs) / sizeof(tool_signs[0]));
    return set;
}

/* What a shell takes as the end of a word, quotes and brackets among it. */
static bool ends_word(char c)
{
    return (unsigned char)c <= ' ' || strchr(";|&()<>'\"`=${},", c);
}

static bool command_word(struct str *rest, struct str *ret)
{
    while (rest->n && ends_word(*rest->p)) {
        rest->p++;
        rest->n--;
    }
    size_t n = 0;
    while (n < rest->n && !ends_word(rest->p[n]))
        n++;
    *ret = (struct str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return n > 0;
}

/* "/usr/bin/rm" is "rm". */
static struct str last_part(struct str word)
{
    size_t n = word.n;

    while (n > 0 && word.p[n - 1] != '/')
        n--;
    return (struct str){word.p + n, word.n - n};
}

/* --- paths ------------------------------------------------------------------------------ */

/* Components that say what a path is, whatever is around them; a final "*" takes any end. */
static const struct sign path_signs[] = {
        {"hooks", HAZARD_HOOK}, /* .git/hooks, and where core.hooksPath leads */
        {".husky", HAZARD_HOOK}, {".githooks", HAZARD_HOOK}, {"workflows", HAZARD_HOOK},
        {".gitlab-ci.yml", HAZARD_HOOK}, {".circleci", HAZARD_HOOK},
        {"Jenkinsfile", HAZARD_HOOK}, {".vscode", HAZARD_HOOK}, {".idea", HAZARD_HOOK},
        {".bashrc", HAZARD_HOOK}, {".bash_profile", HAZARD_HOOK}, {".bash_login", HAZARD_HOOK},
        {".profile", HAZARD_HOOK}, {".zshrc", HAZARD_HOOK}, {".zshenv", HAZARD_HOOK},
        {".zprofile", HAZARD_HOOK}, {".envrc", HAZARD_HOOK}, {".gitconfig", HAZARD_HOOK},
        {".gitattributes", HAZARD_HOOK}, {".gitmodules", HAZARD_HOOK},
        {".pre-commit-config.yaml", HAZARD_HOOK}, {"autostart", HAZARD_HOOK},
        {"cron.d", HAZARD_HOOK}, {"crontab", HAZARD_HOOK}, {"sitecustomize.py", HAZARD_HOOK},
        {"conftest.py", HAZARD_HOOK}, {".claude", HAZARD_HOOK}, {".codex", HAZARD_HOOK},
        {".mcp.json", HAZARD_HOOK}, {".ssh", HAZARD_CREDENTIAL}, {".aws", HAZARD_CREDENTIAL},
        {".azure", HAZARD_CREDENTIAL}, {".gcloud", HAZARD_CREDENTIAL},
        {".kube", HAZARD_CREDENTIAL}, {".docker", HAZARD_CREDENTIAL},
        {".gnupg", HAZARD_CREDENTIAL}, {".password-store", HAZARD_CREDENTIAL},
        {".netrc", HAZARD_CREDENTIAL}, {"_netrc", HAZARD_CREDENTIAL},
        {".npmrc", HAZARD_CREDENTIAL}, {".pypirc", HAZARD_CREDENTIAL},
        {".pgpass", HAZARD_CREDENTIAL}, {".git-credentials", HAZARD_CREDENTIAL},
        {".env*", HAZARD_CREDENTIAL}, {"id_rsa*", HAZARD_CREDENTIAL},
        {"id_ed25519*", HAZARD_CREDENTIAL}, {"id_ecdsa*", HAZARD_CREDENTIAL},
        {"credentials*", HAZARD_CREDENTIAL}, {".credentials*", HAZARD_CREDENTIAL},
        {"auth.json", HAZARD_CREDENTIAL}, {"shadow", HAZARD_CREDENTIAL},
        {"environ", HAZARD_CREDENTIAL}, /* of /proc/N */
};

static const char *const key_endings[] = {".pem", ".key", ".p12", ".pfx", ".kdbx", ".jks"};

static bool is_like(struct str part, const char *pattern)
{
    size_t n = strlen(pattern);

    if (pattern[n - 1] != '*')
        return str_eq_icase(part, (struct str){pattern, n});
    return part.n >= n - 1 &&
           str_eq_icase((struct str){part.p, n - 1}, (struct str){pattern, n - 1});
}

static uint32_t of_part(struct str part)
{
    uint32_t set = 0;

    for (size_t i = 0; i < sizeof(path_signs) / sizeof(path_signs[0]); i++)
        if (is_like(part, path_signs[i].word))
            set |= hazard_bit(path_signs[i].hazard);
    for (size_t i = 0; i < sizeof(key_endings) / sizeof(key_endings[0]); i++)
        if (part.n > strlen(key_endings[i]) && str_ends(part, str_of(key_endings[i])))
            set |= hazard_bit(HAZARD_CREDENTIAL);
    return set;
}

/* In the folder by the text of it; NULL: no such folder. *ret is what follows. */
static bool is_below(struct str path, const char *folder, struct str *ret)
{
    size_t n = folder ? strlen(folder) : 0;

    if (n == 0 || !str_starts(path, (struct str){folder, n}) ||
            (path.n > n && path.p[n] != '/'))
        return false;
    *ret = (struct str){path.p + n, path.n - n};
    return true;
}

/* Does ".." climb out of where the path begins? */
static bool climbs_out(struct str path)
{
    struct str part;
    bool more = true;
    long depth = 0;

    while (more && depth >= 0) {
        more = str_cut(&path, '/', &part);
        if (str_eq(part, STR("..")))
            depth--;
        else if (part.n && !str_eq(part, STR(".")))
            depth++;
    }
    return depth < 0;
}

static uint32_t of_path(const struct policy_world *world, struct str path)
{
    struct str rest = path, inside = path, part;
    uint32_t set = 0;
    bool more = true, is_absolute = path.n && (*path.p == '/' || *path.p == '~');

    while (more) {
        more = str_cut(&rest, '/', &part);
        set |= of_part(part);
    }
    if (is_absolute && !is_below(path, world->box_workspace, &inside) &&
            !is_below(path, world->workspace, &inside))
        return set | hazard_bit(HAZARD_OUTSIDE);
    if (climbs_out(inside))
        set |= hazard_bit(HAZARD_OUTSIDE);
    return set;
}

/* One line without blanks that has a slash, or the last component of some path. */
static bool is_pathlike(struct str text)
{
    if (text.n == 0 || text.n > 4096)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ')
            return false;
    return *text.p == '/' || *text.p == '~' || *text.p == '.' ||
           (memchr(text.p, '/', text.n) && !memchr(text.p, ' ', text.n)) || of_part(text) != 0;
}

/* --- URLs ------------------------------------------------------------------------------- */

static uint32_t of_url(struct str text)
{
    struct net_request req;
    char host[256], why[240];
    uint32_t set = hazard_bit(HAZARD_LEAVES);

    if (!net_request_read(STR("GET"), text, host, &req))
        return set;
    if (host_is_forbidden(req.host, why, sizeof(why)))
        set |= hazard_bit(HAZARD_PRIVATE);
    if (host_is_lookalike(req.host) || host_is_mixed(req.host))
        set |= hazard_bit(HAZARD_LOOKALIKE);
    return set;
}

static bool is_url(struct str text)
{
    return str_starts(text, STR("http://")) || str_starts(text, STR("https://")) ||
           str_starts(text, STR("ssh://")) || str_starts(text, STR("git@")) ||
           str_starts(text, STR("ftp://")) || str_starts(text, STR("ws://")) ||
           str_starts(text, STR("wss://"));
}

/* --- calls ------------------------------------------------------------------------------ */

static uint32_t of_command(const struct policy_world *world, struct str text)
{
    struct str word;
    uint32_t set = 0;

    while (command_word(&text, &word)) {
        set |= sign_of(last_part(word), command_signs,
                sizeof(command_signs) / sizeof(command_signs[0]));
        if (is_url(word))
            set |= of_url(word);
        else if (*word.p == '/' || *word.p == '~' || *word.p == '.')
            set |= of_path(world, word);
        else
            set |= of_part(last_part(word));
    }
    return set;
}

static bool is_command_name(struct str name)
{
    static const char *const names[] = {
            "command", "cmd", "commands", "script", "code", "argv", "args", "shell", "input"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq_icase(name, str_of(names[i])))
            return true;
    return false;
}

static bool has_invisible(struct str text)
{
    for (size_t i = 0; i < text.n;) {
        uint32_t cp = 0;

        if (text.p[i] >= ' ' && text.p[i] <= '~') { /* nearly all there is */
            i++;
            continue;
        }
        int n = utf8_decode(text.p + i, text.n - i, &cp);

        if (n <= 0 || (char_is_deceptive(cp) && cp != '\t' && cp != '\n' && cp != '\r'))
            return true;
        i += (size_t)n;
    }
    return false;
}

static uint32_t of_string(
        const struct policy_world *world, struct str name, const struct arg *arg)
{
    struct str text = arg->text;
    uint32_t set = arg->is_broken || has_invisible(text) ? hazard_bit(HAZARD_INVISIBLE) : 0;

    if (str_starts(text, STR("#!")))
        set |= hazard_bit(HAZARD_EXECUTABLE);
    if (is_command_name(name))
        set |= of_command(world, text);
    else if (is_url(text))
        set |= of_url(text);
    else if (str_starts(text, STR("file:")))
        set |= of_path(world, (struct str){text.p + 5, text.n - 5});
    else if (is_pathlike(text))
        set |= of_path(world, text);
    return set;
}

/* The names of members that are true, and of all their values. */
static uint32_t of_arguments(const struct policy_world *world, const struct args *args)
{
    struct str name = STR("");
    uint32_t set = 0;

    for (size_t i = 1; i < args->count; i++) {
        const struct arg *arg = &args->items[i];

        if (arg->name.n)
            name = arg->name; /* elements of an array have its name */
        if (has_invisible(arg->name))
            set |= hazard_bit(HAZARD_INVISIBLE);
        if (arg->kind == ARG_TRUE)
            set |= of_name(arg->name);
        else if (arg->kind == ARG_STRING)
            set |= of_string(world, name, arg);
    }
    return set;
}

uint32_t hazards_of_call(const struct policy_world *world, const struct call_request *call)
{
    static const struct policy_world nowhere = {0};
    struct args args;
    const char *why;
    uint32_t set = of_name(call->tool);

    if (args_read(&args, call->arguments, &why))
        set |= of_arguments(world ? world : &nowhere, &args);
    args_release(&args);
    if (has_invisible(call->tool))
        set |= hazard_bit(HAZARD_INVISIBLE);
    if (call->arguments.n > LARGE_BYTES)
        set |= hazard_bit(HAZARD_LARGE);
    return set;
}

static void warn(struct verdict *verdict, uint32_t set)
{
    enum risk risk = hazards_risk(set);

    verdict->hazards = set;
    if (risk > verdict->risk)
        verdict->risk = risk;
}

void verdict_warn_net(
        struct verdict *verdict, const struct policy *policy, const struct net_request *req)
{
    const char *other = host_taken_for(policy, req->host);

    str_copy(verdict->taken_for, sizeof(verdict->taken_for), str_of(other ? other : ""));
    warn(verdict, hazards_of_net(policy, req));
}

void verdict_warn_call(struct verdict *verdict, const struct policy_world *world,
        const struct call_request *call, bool is_out)
{
    warn(verdict, hazards_of_call(world, call) | (is_out ? hazard_bit(HAZARD_OUTSIDE) : 0));
}
