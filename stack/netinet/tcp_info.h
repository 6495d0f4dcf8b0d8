// TCP_INFO: what a connection tells of itself.
//
// The fields and their order are those of OpenBSD's struct tcp_info; some that
// it leaves empty are filled in where they mean something here.

#ifndef SPLNET_STACK_NETINET_TCP_INFO_H_
#define SPLNET_STACK_NETINET_TCP_INFO_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace splnet {

struct Tcpcb;

// TcpInfo::options: what both ends agreed on.
inline constexpr uint8_t kTcpiOptTimestamps = 0x01;
inline constexpr uint8_t kTcpiOptSack = 0x02;
inline constexpr uint8_t kTcpiOptWscale = 0x04;
inline constexpr uint8_t kTcpiOptEcn = 0x08;

// TcpInfo::ca_state.
inline constexpr uint8_t kTcpiCaOpen = 0;
inline constexpr uint8_t kTcpiCaDisorder = 1;  // duplicate ACKs, no loss yet
inline constexpr uint8_t kTcpiCaRecovery = 3;  // fast recovery
inline constexpr uint8_t kTcpiCaLoss = 4;      // a retransmission timeout

// Type and name of each field, tcpi_NAME in BSD.
#define SPLNET_TCP_INFO_TABLE(X)                                           \
  X(uint8_t, state)                                                        \
  X(uint8_t, ca_state)                                                     \
  X(uint8_t, retransmits) /* of what is outstanding */                     \
  X(uint8_t, probes)      /* of a closed window */                         \
  X(uint8_t, backoff)                                                      \
  X(uint8_t, options)                                                      \
  X(uint8_t, snd_wscale)                                                   \
  X(uint8_t, rcv_wscale)                                                   \
  X(uint32_t, rto)     /* microseconds, as all that is measured in time */ \
  X(uint32_t, ato)     /* delay of an acknowledgement */                   \
  X(uint32_t, snd_mss) /* bytes, as all that is measured in data */        \
  X(uint32_t, rcv_mss)                                                     \
  X(uint32_t, unacked) /* segments */                                      \
  X(uint32_t, sacked)                                                      \
  X(uint32_t, lost)                                                        \
  X(uint32_t, retrans)                                                     \
  X(uint32_t, fackets)                                                     \
  X(uint32_t, last_data_sent)                                              \
  X(uint32_t, last_ack_sent)                                               \
  X(uint32_t, last_data_recv) /* since any segment came */                 \
  X(uint32_t, last_ack_recv)                                               \
  X(uint32_t, pmtu)                                                        \
  X(uint32_t, rcv_ssthresh)                                                \
  X(uint32_t, rtt)                                                         \
  X(uint32_t, rttvar)                                                      \
  X(uint32_t, snd_ssthresh)                                                \
  X(uint32_t, snd_cwnd)                                                    \
  X(uint32_t, advmss)                                                      \
  X(uint32_t, reordering) /* duplicate ACKs that mean a loss */            \
  X(uint32_t, rcv_rtt)                                                     \
  X(uint32_t, rcv_space) /* the window as last computed */                 \
  X(uint32_t, snd_wnd)                                                     \
  X(uint32_t, snd_nxt)                                                     \
  X(uint32_t, rcv_nxt)                                                     \
  X(uint32_t, toe_tid)                                                     \
  X(uint32_t, snd_rexmitpack) /* segments sent again */                    \
  X(uint32_t, rcv_ooopack)    /* segments that came out of order */        \
  X(uint32_t, snd_zerowin)    /* times that our window closed */           \
  X(uint32_t, rttmin)         /* least retransmission timeout */           \
  X(uint32_t, max_sndwnd)                                                  \
  X(uint32_t, rcv_adv)                                                     \
  X(uint32_t, rcv_up)                                                      \
  X(uint32_t, snd_una)                                                     \
  X(uint32_t, snd_up)                                                      \
  X(uint32_t, snd_wl1)                                                     \
  X(uint32_t, snd_wl2)                                                     \
  X(uint32_t, snd_max)                                                     \
  X(uint32_t, ts_recent)                                                   \
  X(uint32_t, ts_recent_age) /* microseconds */                            \
  X(uint32_t, rfbuf_cnt)                                                   \
  X(uint32_t, rfbuf_ts)                                                    \
  X(uint32_t, so_rcv_sb_cc)                                                \
  X(uint32_t, so_rcv_sb_hiwat)                                             \
  X(uint32_t, so_rcv_sb_lowat)                                             \
  X(uint32_t, so_rcv_sb_wat)                                               \
  X(uint32_t, so_snd_sb_cc)                                                \
  X(uint32_t, so_snd_sb_hiwat)                                             \
  X(uint32_t, so_snd_sb_lowat)                                             \
  X(uint32_t, so_snd_sb_wat)

struct TcpInfo {
#define SPLNET_TCP_INFO_FIELD(type, name) type name = 0;
  SPLNET_TCP_INFO_TABLE(SPLNET_TCP_INFO_FIELD)
#undef SPLNET_TCP_INFO_FIELD
};

void tcp_fill_info(Tcpcb& tp, TcpInfo& ti);

// The field called `name`, with or without `tcpi_` in front; nothing if there
// is none.
std::optional<uint32_t> tcp_info_field(const TcpInfo& ti,
                                       std::string_view name);

}  // namespace splnet

#endif  // SPLNET_STACK_NETINET_TCP_INFO_H_
