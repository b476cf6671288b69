package sa.mawid.app

import java.io.IOException
import java.time.OffsetDateTime
import java.util.UUID
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.decodeFromJsonElement

@Serializable
data class Booking(
    val id: String,
    val reference: String,
    val version: Int,
    val state: BookingState = BookingState.UNKNOWN,
    @SerialName("state_label") val stateLabel: String,
    @SerialName("starts_at") @Serializable(with = Moment::class) val startsAt: OffsetDateTime,
    val price: Money,
    /** What may be done now; never derived from `state`. */
    @SerialName("allowed_actions") val allowedActions: List<String>,
)

@Serializable
data class BookingBody(
    @SerialName("salon_id") val salonId: String,
    val items: List<Item>,
    @SerialName("starts_at") @Serializable(with = Moment::class) val startsAt: OffsetDateTime,
    @SerialName("expected_total_minor") val expectedTotalMinor: Long,
) {
    @Serializable
    data class Item(
        @SerialName("service_id") val serviceId: String,
        @SerialName("staff_member_id") val staffMemberId: String? = null,
    )
}

/** What the person tapped, kept on disk with its key until the answer is final: it survives the app being closed. */
@Serializable
data class Draft(val key: String, val body: BookingBody) {
    constructor(body: BookingBody) : this(UUID.randomUUID().toString(), body)
}

sealed interface Outcome {
    data class Booked(val booking: Booking) : Outcome

    /** Back to the times, with this sentence. */
    data class TimeTaken(val detail: String) : Outcome

    /** A new quote, then the same button. */
    data class PriceChanged(val detail: String) : Outcome

    data class Refused(val detail: String) : Outcome

    /** The draft is kept, and tried again with the same key. */
    object Unknown : Outcome
}

/** `createBooking` and `cancelBooking`, of the generated client or of one's own. */
interface Bookings {
    suspend fun create(key: String, body: BookingBody): Booking
    suspend fun cancel(id: String, version: Int, key: String): Booking
}

suspend fun Bookings.book(draft: Draft): Outcome = try {
    Outcome.Booked(patiently { create(draft.key, draft.body) })
} catch (over: SignedOut) {
    throw over
} catch (refusal: ApiProblem) {
    val problem = refusal.problem
    when {
        problem.code == "slot_unavailable" -> Outcome.TimeTaken(problem.detail)
        problem.code == "amount_changed" -> Outcome.PriceChanged(problem.detail)
        problem.isFinal -> Outcome.Refused(problem.detail)
        else -> Outcome.Unknown
    }
} catch (badLine: IOException) {
    Outcome.Unknown
}

/** On 409 `version_conflict` the answer carries the booking as it is: show it, and let the person decide again. */
suspend fun Bookings.cancelAsSeen(booking: Booking, key: String): Booking = try {
    patiently { cancel(booking.id, booking.version, key) }
} catch (refusal: ApiProblem) {
    val current = refusal.problem.current.takeIf { refusal.problem.code == "version_conflict" } ?: throw refusal
    wire.decodeFromJsonElement(current)
}
