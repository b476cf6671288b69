import Foundation

/// Whole halalas for sums; `display` for people, as it is: it may hold signs and isolates that nobody should parse.
struct Money: Codable, Hashable, Sendable {
    let amountMinor: Int
    let currency: String
    let display: String

    private enum CodingKeys: String, CodingKey {
        case amountMinor = "amount_minor"
        case currency, display
    }
}

enum Wire {
    /// `.iso8601` reads `2026-11-20T16:30:00+03:00`; the server never sends fractions, which it would refuse.
    static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }()

    static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }()

    /// `2026-11-20`, the day in the salon's zone (`timezone` of the answer). Without the fixed locale and calendar a
    /// phone set to Saudi Arabia writes a Hijri year in Arabic digits.
    static func day(_ moment: Date, in zone: TimeZone) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.calendar = Calendar(identifier: .gregorian)
        formatter.timeZone = zone
        formatter.dateFormat = "yyyy-MM-dd"
        return formatter.string(from: moment)
    }

    /// For people: the salon's clock, whatever zone the phone is in, as their language writes it.
    static func clock(_ moment: Date, in zone: TimeZone, locale: Locale) -> String {
        let style = Date.FormatStyle(date: .omitted, time: .shortened, locale: locale, timeZone: zone)
        return moment.formatted(style)
    }
}

/// An open list: a state born after this app shows `state_label` and no special colour.
enum BookingState: String, Decodable, Sendable {
    case held, requested, confirmed, completed, declined, cancelled, expired
    case noShow = "no_show"
    case unknown

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer().decode(String.self)
        self = BookingState(rawValue: value) ?? .unknown
    }
}
