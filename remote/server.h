/* server.h -- a session over HTTP (remote/protocol.h), through libmicrohttpd: threads of its own, one a
 * connection. */
#ifndef REMOTE_SERVER_H
#define REMOTE_SERVER_H

#include "remote/session.h"

struct server;

struct server_config {
    struct session *session;       /* borrowed; outlives the server */
    const char *address;           /* host:port, [address]:port */
    const char *token;             /* borrowed */
    const char *certificate, *key; /* paths of PEM files; "" = no TLS */
};

/* ERR_CONFIG: no such address, a certificate without a key or the other way round, or unreadable; ERR_AGAIN:
 * somebody else listens there, it is not this machine's now, or no name server answers. */
int server_open(struct server **out, const struct server_config *config, struct err *err);
void server_close(struct server *v); /* waits for what is being answered; NULL is fine */

int server_connections(const struct server *v); /* that are open now */

/* The port it listens at: that of the address, or the one that was free where that is 0. */
int server_port(const struct server *v);

#endif
