import Foundation

struct Booking: Decodable, Sendable {
    let id: String
    let reference: String
    let version: Int
    let state: BookingState
    let stateLabel: String
    let startsAt: Date
    let price: Money
    /// What may be done now; never derived from `state`.
    let allowedActions: [String]

    private enum CodingKeys: String, CodingKey {
        case id, reference, version, state, price
        case stateLabel = "state_label"
        case startsAt = "starts_at"
        case allowedActions = "allowed_actions"
    }
}

/// What the person tapped, kept on disk with its key until the answer is final: it survives the app being closed.
struct Draft: Codable, Sendable {
    struct Item: Codable, Sendable {
        let serviceID: String
        let staffMemberID: String?

        private enum CodingKeys: String, CodingKey {
            case serviceID = "service_id"
            case staffMemberID = "staff_member_id"
        }
    }

    struct Body: Codable, Sendable {
        let salonID: String
        let items: [Item]
        let startsAt: Date
        let expectedTotalMinor: Int

        private enum CodingKeys: String, CodingKey {
            case salonID = "salon_id"
            case items
            case startsAt = "starts_at"
            case expectedTotalMinor = "expected_total_minor"
        }
    }

    let key: String
    let body: Body

    init(_ body: Body) {
        key = UUID().uuidString.lowercased()
        self.body = body
    }
}

enum Outcome: Sendable {
    case booked(Booking)
    /// Back to the times, with this sentence.
    case timeTaken(String)
    /// A new quote, then the same button.
    case priceChanged(String)
    case refused(String)
    /// The draft is kept, and tried again with the same key.
    case unknown
}

extension MawidClient {
    func book(_ draft: Draft) async throws -> Outcome {
        do {
            return .booked(try await send(.post("/api/v1/bookings", draft.body, key: draft.key)))
        } catch let problem as ApiProblem {
            switch problem.code {
            case "slot_unavailable": return .timeTaken(problem.detail)
            case "amount_changed": return .priceChanged(problem.detail)
            default: return problem.isFinal ? .refused(problem.detail) : .unknown
            }
        } catch is Unreachable {
            return .unknown
        }
    }

    /// On 409 `version_conflict` the answer carries the booking as it is: show it, and let the person decide again.
    func cancel(_ booking: Booking, key: String) async throws -> Booking {
        do {
            return try await send(.post("/api/v1/bookings/\(booking.id)/cancel", ["version": booking.version], key: key))
        } catch let problem as ApiProblem where problem.code == "version_conflict" {
            guard let current = problem.current(as: Booking.self) else { throw problem }
            return current
        }
    }
}
