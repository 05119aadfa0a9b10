/** A table with every kind of key, as the manual describes it. */
export const SAMPLE = `[defaults]
deadline = "10s"

[[host]]
match = "mail.isp.com"
commands.imap = "cd ~/bin; exec imapd"

[[host]]
match = ["clueful.isp.com", "*.clueful.isp.com"]
command = "exec /etc/r{method}d"

[[host]]
match = "work"
server = "imap.example.org"
user = "jane"
port = 2222
identity = "~/.ssh/work"
ssh_config = "none"
known_hosts = ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"]
compression = true
on_failure = "tell"
share = false
persist = "forever"
spare = 1
commands.imap = "auto"
commands.smtp = "exec /usr/sbin/sendmail -bs"

[[forward]]
name = "smtp"
listen = 2025
to = "mail:25"
via = "*.isp.com"
unless.domain = "home.net"
unless.reachable = "mail:25"
allow = "same-user"

[[forward]]
name = "nntp"
listen = "~/.news"
to = "[2001:db8::1]:119"
`;
