/* A motion controller built from docs/device_contract.md and docs/registers.md alone, on libmodbus: one channel, the gantry.
 * It moves nothing; a command takes 50 ms. Prints its port, then every request as it came, for comparison with golden frames.
 *     device [watchdog limit in ms [path of a serial line, unit]]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IDENTITY = 0x0000, STATUS = 0x0040, STATUS_WORDS = 84, CONTROL = 0x0100, COMMAND = 0x0140, COMMAND_WORDS = 22 };
enum { ACK_SESSION = 0x4E, ACK_SEQ = 0x50, BUSY = 0x52, DONE_SEQ = 0x53, RESULT = 0x55, EVIDENCE = 0x56,
       REJECT_SEQ = 0x62, REJECT_REASON = 0x64, X = 0x47, AXIS_FLAGS = 0x46, INPUTS = 0x45 };
enum { NONE, DONE, STOPPED, WATCHDOG, NOT_HOMED = 5 };
enum { BAD_CRC = 1, WRONG_SESSION, WRONG_SEQUENCE, UNKNOWN_CODE, BAD_ARGUMENT, STILL_BUSY };
enum { HOME = 1, MOVE = 2, TAKES_MS = 50 };

static modbus_mapping_t *map;
static uint16_t *r;
static uint32_t session;
static int64_t last_beat_ms, ends_ms, limit_ms = 500;
static uint16_t scan;

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint32_t u32(int at) { return (uint32_t)MODBUS_GET_INT32_FROM_INT16(r, at); }
static void set32(int at, uint32_t value) { MODBUS_SET_INT32_TO_INT16(r, at, (int32_t)value); }

static uint16_t crc16(const uint16_t *words, int count)
{
    uint16_t crc = 0xFFFF;
    for (int i = 0; i < 2 * count; i++) {
        crc ^= i % 2 ? words[i / 2] & 0xFF : words[i / 2] >> 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0xA001 : crc >> 1;
    }
    return crc;
}

static void end_with(int result)
{
    if (result == DONE && r[COMMAND + 4] == HOME) {
        r[AXIS_FLAGS] = 0x000F;
        for (int i = 0; i < 6; i++)
            r[X + i] = 0;
    } else if (result == DONE) {
        for (int i = 0; i < 6; i++)
            r[X + i] = r[COMMAND + 5 + i];
    }
    for (int i = 0; i < 6; i++)
        r[EVIDENCE + i] = r[X + i];
    r[RESULT] = result;
    r[BUSY] = 0;
    set32(DONE_SEQ, u32(ACK_SEQ));
}

/* Once per request: what has happened since the last one. */
static void take_scan(void)
{
    int64_t now = now_ms();
    if (r[BUSY] && last_beat_ms + limit_ms < (now < ends_ms ? now : ends_ms))
        end_with(WATCHDOG);
    else if (r[BUSY] && now >= ends_ms)
        end_with(DONE);
    r[STATUS + 3]++;
    r[STATUS] = r[STATUS + STATUS_WORDS - 1] = ++scan;
}

static void heard(uint32_t of_session, uint16_t heartbeat, uint16_t stop)
{
    if (of_session != session || heartbeat != r[STATUS + 4])
        last_beat_ms = now_ms();
    session = of_session;
    r[STATUS + 4] = heartbeat;
    r[CONTROL + 3] = stop;
    if (stop && r[BUSY])
        end_with(STOPPED);
}

static void reject(int reason)
{
    set32(REJECT_SEQ, u32(COMMAND + 2));
    r[REJECT_REASON] = reason;
}

/* The row of the table for a block that has arrived; the registers hold it. */
static void offered(const uint16_t *block)
{
    uint32_t of = ((uint32_t)block[0] << 16) | block[1], seq = ((uint32_t)block[2] << 16) | block[3];
    uint32_t last = u32(ACK_SESSION) == of ? u32(ACK_SEQ) : 0;
    uint16_t kept[COMMAND_WORDS];
    memcpy(kept, r + COMMAND, sizeof kept);
    memcpy(r + COMMAND, block, sizeof kept);
    int refused = crc16(block, COMMAND_WORDS - 1) != block[COMMAND_WORDS - 1] ? BAD_CRC
        : of == 0 || of != session                                           ? WRONG_SESSION
        : seq == last && last                                                ? -1
        : seq != last + 1                                                    ? WRONG_SEQUENCE
        : r[BUSY]                                                            ? STILL_BUSY
        : block[4] != HOME && block[4] != MOVE                               ? UNKNOWN_CODE
                                                                             : 0;
    if (refused) {
        if (refused > 0)
            reject(refused);
        memcpy(r + COMMAND, kept, sizeof kept); /* what runs keeps its arguments */
        return;
    }
    if (u32(ACK_SESSION) != of)
        set32(DONE_SEQ, 0);
    set32(ACK_SESSION, of);
    set32(ACK_SEQ, seq);
    r[BUSY] = 1;
    r[RESULT] = NONE;
    ends_ms = now_ms() + TAKES_MS;
    if (r[CONTROL + 3])
        end_with(STOPPED);
    else if (now_ms() - last_beat_ms > limit_ms)
        end_with(WATCHDOG);
    else if (block[4] == MOVE && !r[AXIS_FLAGS])
        end_with(NOT_HOMED);
}

static int word_at(const uint8_t *bytes) { return bytes[0] << 8 | bytes[1]; }

static void serve(modbus_t *bus, const uint8_t *query, int length)
{
    int head = modbus_get_header_length(bus), code = query[head];
    const uint8_t *pdu = query + head;
    printf("REQUEST ");
    for (int i = 0; i < length; i++)
        printf("%02X", query[i]);
    printf("\n");
    take_scan();
    if (code == 0x17 && word_at(pdu + 5) == CONTROL && word_at(pdu + 7) == 5) /* the write comes before the read */
        heard((uint32_t)word_at(pdu + 10) << 16 | word_at(pdu + 12), word_at(pdu + 14), word_at(pdu + 16));
    if (code == 0x10 && word_at(pdu + 1) == COMMAND) {
        if (word_at(pdu + 3) != COMMAND_WORDS) {
            modbus_reply_exception(bus, query, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
            return;
        }
        uint16_t block[COMMAND_WORDS], kept[COMMAND_WORDS];
        for (int i = 0; i < COMMAND_WORDS; i++)
            block[i] = word_at(pdu + 6 + 2 * i);
        memcpy(kept, r + COMMAND, sizeof kept);
        modbus_reply(bus, query, length, map);
        memcpy(r + COMMAND, kept, sizeof kept);
        offered(block);
        return;
    }
    modbus_reply(bus, query, length, map);
}

static void serve_all(modbus_t *bus)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int length;
    while ((length = modbus_receive(bus, query)) >= 0)
        if (length > 0)
            serve(bus, query, length);
}

int main(int argc, char **argv)
{
    int is_serial = argc > 3;
    modbus_t *bus = is_serial ? modbus_new_rtu(argv[2], 115200, 'N', 8, 1) : modbus_new_tcp("127.0.0.1", 0);
    map = modbus_mapping_new(0, 0, 0x0200, 0);
    if (!bus || !map)
        return 1;
    r = map->tab_registers;
    if (argc > 1)
        limit_ms = atoi(argv[1]);
    set32(IDENTITY, 0x12345678);
    set32(IDENTITY + 2, (uint32_t)-123456); /* -12345.6 um in 0.1 um */
    r[IDENTITY + 4] = 0xA55A;
    r[IDENTITY + 5] = 1;
    r[IDENTITY + 6] = 1;
    set32(IDENTITY + 7, 4711);
    r[IDENTITY + 9] = limit_ms;
    r[IDENTITY + 10] = 2;
    r[IDENTITY + 11] = 1;
    set32(STATUS + 1, (uint32_t)getpid());
    r[INPUTS] = 0x001F;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (is_serial) {
        modbus_set_slave(bus, atoi(argv[3]));
        if (modbus_connect(bus) < 0)
            return 1;
        printf("PORT 0\n");
        for (;;)
            serve_all(bus); /* a damaged frame ends it: begin anew */
    }
    int listening = modbus_tcp_listen(bus, 1);
    struct sockaddr_in bound;
    socklen_t size = sizeof bound;
    if (listening < 0 || getsockname(listening, (struct sockaddr *)&bound, &size) < 0)
        return 1;
    printf("PORT %d\n", ntohs(bound.sin_port));
    for (;;) {
        if (modbus_tcp_accept(bus, &listening) < 0)
            return 1;
        serve_all(bus);
        modbus_close(bus);
    }
}
